    ;; The module inside a component: the functions have the types that the canonical ABI gives them.
    (memory (export "memory") 1)

    ;; The first bytes hold an answer's address and length.
    (global $free (mut i32) (i32.const 16))

    ;; Allocates behind what was allocated before.
    (func (export "realloc")
      (param $old i32) (param $old_bytes i32) (param $align i32) (param $bytes i32) (result i32)
      (local $at i32)
      (local $missing i32)
      ;; Nothing that is called here makes a list grow.
      (if (local.get $old) (then unreachable))
      (local.set $at
        (i32.and
          (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get $align))))
      (global.set $free (i32.add (local.get $at) (local.get $bytes)))
      (local.set $missing
        (i32.sub
          (i32.shr_u (i32.add (global.get $free) (i32.const 0xffff)) (i32.const 16))
          (memory.size)))
      (if (i32.gt_s (local.get $missing) (i32.const 0))
        (then
          (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then unreachable))))
      (local.get $at))

    ;; After the host has taken an answer, nothing that was allocated for the call is needed any more.
    (func (export "free") (param $answer i32)
      (global.set $free (i32.const 16)))

    (func (export "add") (param $a i64) (param $b i64) (result i64)
      (i64.add (local.get $a) (local.get $b)))

    (func $echo (export "echo") (param $at i32) (param $bytes i32) (result i32)
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (local.get $bytes))
      (i32.const 0))

    (func (export "json") (param $at i32) (param $bytes i32) (result i32)
      (call $count_up (local.get $at) (local.get $bytes))
      (call $echo (local.get $at) (local.get $bytes)))
