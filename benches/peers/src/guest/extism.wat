  ;; An Extism plugin, as its development kits write one: Extism holds the input and the output, and the
  ;; plugin copies them, eight bytes a call.
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))

  (memory (export "memory") 1)

  ;; The sum of the two numbers in the input.
  (func (export "add") (result i32)
    (local $answer i64)
    (local.set $answer (call $alloc (i64.const 8)))
    (call $store_u64
      (local.get $answer)
      (i64.add
        (call $input_load_u64 (i64.const 0))
        (call $input_load_u64 (i64.const 8))))
    (call $output_set (local.get $answer) (i64.const 8))
    (i32.const 0))

  (func (export "echo") (result i32)
    (call $respond (call $take)))

  (func (export "json") (result i32)
    (local $bytes i32)
    (local.set $bytes (call $take))
    (call $count_up (i32.const 0) (local.get $bytes))
    (call $respond (local.get $bytes)))

  ;; Copies the input to the beginning of the memory.
  (func $take (result i32)
    (local $bytes i32)
    (local $words i32)
    (local $at i32)
    (local $missing i32)
    (local.set $bytes (i32.wrap_i64 (call $input_length)))
    (local.set $missing
      (i32.sub
        (i32.shr_u (i32.add (local.get $bytes) (i32.const 0xffff)) (i32.const 16))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then unreachable))))
    (local.set $words (i32.and (local.get $bytes) (i32.const -8)))
    (block $rest
      (loop $word
        (br_if $rest (i32.ge_u (local.get $at) (local.get $words)))
        (i64.store (local.get $at) (call $input_load_u64 (i64.extend_i32_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $word)))
    (block $end
      (loop $byte
        (br_if $end (i32.ge_u (local.get $at) (local.get $bytes)))
        (i32.store8 (local.get $at) (call $input_load_u8 (i64.extend_i32_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $byte)))
    (local.get $bytes))

  ;; Makes the first so many bytes of the memory the output.
  (func $respond (param $bytes i32) (result i32)
    (local $answer i64)
    (local $words i32)
    (local $at i32)
    (local.set $answer (call $alloc (i64.extend_i32_u (local.get $bytes))))
    (local.set $words (i32.and (local.get $bytes) (i32.const -8)))
    (block $rest
      (loop $word
        (br_if $rest (i32.ge_u (local.get $at) (local.get $words)))
        (call $store_u64
          (i64.add (local.get $answer) (i64.extend_i32_u (local.get $at)))
          (i64.load (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $word)))
    (block $end
      (loop $byte
        (br_if $end (i32.ge_u (local.get $at) (local.get $bytes)))
        (call $store_u8
          (i64.add (local.get $answer) (i64.extend_i32_u (local.get $at)))
          (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $byte)))
    (call $output_set (local.get $answer) (i64.extend_i32_u (local.get $bytes)))
    (i32.const 0))
