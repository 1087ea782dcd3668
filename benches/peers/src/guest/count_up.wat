  ;; Makes the number in the field "count" of the JSON document at an address one more, in place. Without
  ;; such a field of four digits below 9999 it traps.
  (func $count_up (param $at i32) (param $bytes i32)
    (local $end i32)
    (local $digit i32)
    (if (i32.lt_u (local.get $bytes) (i32.const 13)) (then unreachable))
    (local.set $end (i32.add (local.get $at) (i32.sub (local.get $bytes) (i32.const 13))))
    (block $found
      (loop $search
        ;; The eight bytes of "count": and the quotation mark behind them.
        (br_if $found
          (i32.and
            (i64.eq (i64.load align=1 (local.get $at)) (i64.const 0x3a22746e756f6322))
            (i32.eq (i32.load8_u offset=8 (local.get $at)) (i32.const 0x22))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $search (i32.le_u (local.get $at) (local.get $end))))
      unreachable)
    (local.set $end (i32.add (local.get $at) (i32.const 9)))
    (local.set $at (i32.add (local.get $at) (i32.const 12)))
    (loop $carry
      (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 0x30)))
      (if (i32.lt_u (local.get $digit) (i32.const 9))
        (then
          (i32.store8 (local.get $at) (i32.add (local.get $digit) (i32.const 0x31)))
          (return)))
      (if (i32.ne (local.get $digit) (i32.const 9)) (then unreachable))
      (i32.store8 (local.get $at) (i32.const 0x30))
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (br_if $carry (i32.ge_u (local.get $at) (local.get $end))))
    unreachable)
