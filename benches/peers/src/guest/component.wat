  ;; The component around the module.
  (core instance $guest (instantiate $module))
  (alias core export $guest "memory" (core memory $memory))
  (alias core export $guest "realloc" (core func $realloc))
  (alias core export $guest "free" (core func $free))
  (type $bytes (list u8))

  (func (export "add") (param "a" u64) (param "b" u64) (result u64)
    (canon lift (core func $guest "add")))

  (func (export "echo") (param "content" $bytes) (result $bytes)
    (canon lift (core func $guest "echo")
      (memory $memory) (realloc $realloc) (post-return $free)))

  (func (export "json") (param "document" $bytes) (result $bytes)
    (canon lift (core func $guest "json")
      (memory $memory) (realloc $realloc) (post-return $free)))
