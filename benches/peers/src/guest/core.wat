  ;; A core module. Bytes lie in its memory, where the host has got room for them.
  (memory (export "memory") 1)

  ;; Room for so many bytes. It is the only one: what was in it before is gone.
  (func (export "room") (param $bytes i32) (result i32)
    (local $missing i32)
    (local.set $missing
      (i32.sub
        (i32.shr_u (i32.add (local.get $bytes) (i32.const 0xffff)) (i32.const 16))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then unreachable))))
    (i32.const 0))

  (func (export "add") (param $a i64) (param $b i64) (result i64)
    (i64.add (local.get $a) (local.get $b)))

  (func (export "echo") (param $at i32) (param $bytes i32) (result i32 i32)
    (local.get $at)
    (local.get $bytes))

  (func (export "json") (param $at i32) (param $bytes i32) (result i32 i32)
    (call $count_up (local.get $at) (local.get $bytes))
    (local.get $at)
    (local.get $bytes))
