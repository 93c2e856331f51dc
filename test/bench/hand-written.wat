;; What test/bench/machine-programs.ts computes, as somebody writes it by hand: no labels, no fuel, no bound of loops.
;; The first of each is as short as can be: whoever wrote it knows that nothing overflows and no index is out of bounds.
;; The second, `checked`, traps where a sum or product does not fit, and where an index is out of bounds, as the label machine does.
(module
  (memory (export "memory") 2)
  (func $overflow (param $a i64) (param $b i64) (param $sum i64) (result i32)
    (i64.lt_s (i64.and (i64.xor (local.get $a) (local.get $sum)) (i64.xor (local.get $b) (local.get $sum))) (i64.const 0)))

  (func (export "sieve") (result i64)
    (local $times i64) (local $i i64) (local $j i64) (local $found i64)
    (loop $again
      (local.set $i (i64.const 0))
      (loop $fill
        (i64.store (i32.shl (i32.wrap_i64 (local.get $i)) (i32.const 3)) (i64.const 1))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br_if $fill (i64.lt_s (local.get $i) (i64.const 8192))))
      (local.set $found (i64.const 0))
      (local.set $i (i64.const 2))
      (loop $next
        (if (i64.ne (i64.load (i32.shl (i32.wrap_i64 (local.get $i)) (i32.const 3))) (i64.const 0))
          (then
            (local.set $found (i64.add (local.get $found) (i64.const 1)))
            (local.set $j (i64.add (local.get $i) (local.get $i)))
            (block $crossed
              (loop $cross
                (br_if $crossed (i64.ge_s (local.get $j) (i64.const 8192)))
                (i64.store (i32.shl (i32.wrap_i64 (local.get $j)) (i32.const 3)) (i64.const 0))
                (local.set $j (i64.add (local.get $j) (local.get $i)))
                (br $cross)))))
        (local.set $i (i64.add (local.get $i) (i64.const 1)))
        (br_if $next (i64.lt_s (local.get $i) (i64.const 8192))))
      (local.set $times (i64.add (local.get $times) (i64.const 1)))
      (br_if $again (i64.lt_s (local.get $times) (i64.const 10))))
    (local.get $found))

  (func (export "sieve checked") (result i64)
    (local $times i64) (local $i i64) (local $j i64) (local $found i64) (local $sum i64)
    (block $done
      (loop $again
        (br_if $done (i64.ge_s (local.get $times) (i64.const 10)))
        (local.set $i (i64.const 0))
        (block $filled
          (loop $fill
            (br_if $filled (i64.ge_s (local.get $i) (i64.const 8192)))
            (if (i64.ge_u (local.get $i) (i64.const 8192)) (then (unreachable)))
            (i64.store (i32.shl (i32.wrap_i64 (local.get $i)) (i32.const 3)) (i64.const 1))
            (local.set $sum (i64.add (local.get $i) (i64.const 1)))
            (if (call $overflow (local.get $i) (i64.const 1) (local.get $sum)) (then (unreachable)))
            (local.set $i (local.get $sum))
            (br $fill)))
        (local.set $found (i64.const 0))
        (local.set $i (i64.const 2))
        (block $looked
          (loop $next
            (br_if $looked (i64.ge_s (local.get $i) (i64.const 8192)))
            (if (i64.ge_u (local.get $i) (i64.const 8192)) (then (unreachable)))
            (if (i64.ne (i64.load (i32.shl (i32.wrap_i64 (local.get $i)) (i32.const 3))) (i64.const 0))
              (then
                (local.set $sum (i64.add (local.get $found) (i64.const 1)))
                (if (call $overflow (local.get $found) (i64.const 1) (local.get $sum)) (then (unreachable)))
                (local.set $found (local.get $sum))
                (local.set $j (i64.add (local.get $i) (local.get $i)))
                (if (call $overflow (local.get $i) (local.get $i) (local.get $j)) (then (unreachable)))
                (block $crossed
                  (loop $cross
                    (br_if $crossed (i64.ge_s (local.get $j) (i64.const 8192)))
                    (if (i64.ge_u (local.get $j) (i64.const 8192)) (then (unreachable)))
                    (i64.store (i32.shl (i32.wrap_i64 (local.get $j)) (i32.const 3)) (i64.const 0))
                    (local.set $sum (i64.add (local.get $j) (local.get $i)))
                    (if (call $overflow (local.get $j) (local.get $i) (local.get $sum)) (then (unreachable)))
                    (local.set $j (local.get $sum))
                    (br $cross)))))
            (local.set $sum (i64.add (local.get $i) (i64.const 1)))
            (if (call $overflow (local.get $i) (i64.const 1) (local.get $sum)) (then (unreachable)))
            (local.set $i (local.get $sum))
            (br $next)))
        (local.set $sum (i64.add (local.get $times) (i64.const 1)))
        (if (call $overflow (local.get $times) (i64.const 1) (local.get $sum)) (then (unreachable)))
        (local.set $times (local.get $sum))
        (br $again)))
    (local.get $found))

  (func $fib (param $n i64) (result i64)
    (local $a i64) (local $b i64) (local $next i64)
    (local.set $b (i64.const 1))
    (block $done
      (loop $again
        (br_if $done (i64.eqz (local.get $n)))
        (local.set $next (i64.add (local.get $a) (local.get $b)))
        (local.set $a (local.get $b))
        (local.set $b (local.get $next))
        (local.set $n (i64.sub (local.get $n) (i64.const 1)))
        (br $again)))
    (local.get $a))
  (func (export "fibonacci") (result i64)
    (local $i i64) (local $answer i64)
    (loop $again
      (local.set $answer (call $fib (i64.const 90)))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $again (i64.lt_s (local.get $i) (i64.const 10000))))
    (local.get $answer))

  (func $checkedFib (param $n i64) (result i64)
    (local $a i64) (local $b i64) (local $next i64)
    (local.set $b (i64.const 1))
    (block $done
      (loop $again
        (br_if $done (i64.eqz (local.get $n)))
        (local.set $next (i64.add (local.get $a) (local.get $b)))
        (if (call $overflow (local.get $a) (local.get $b) (local.get $next)) (then (unreachable)))
        (local.set $a (local.get $b))
        (local.set $b (local.get $next))
        (local.set $next (i64.sub (local.get $n) (i64.const 1)))
        (if (call $overflow (local.get $next) (i64.const 1) (local.get $n)) (then (unreachable)))
        (local.set $n (local.get $next))
        (br $again)))
    (local.get $a))
  (func (export "fibonacci checked") (result i64)
    (local $i i64) (local $answer i64) (local $sum i64)
    (block $done
      (loop $again
        (br_if $done (i64.ge_s (local.get $i) (i64.const 10000)))
        (local.set $answer (call $checkedFib (i64.const 90)))
        (local.set $sum (i64.add (local.get $i) (i64.const 1)))
        (if (call $overflow (local.get $i) (i64.const 1) (local.get $sum)) (then (unreachable)))
        (local.set $i (local.get $sum))
        (br $again)))
    (local.get $answer))

  (func (export "arithmetic") (result i64)
    (local $i i64) (local $x i64)
    (local.set $i (i64.const 300000))
    (local.set $x (i64.const 1))
    (loop $again
      (local.set $x (i64.and (i64.add (i64.mul (local.get $x) (i64.const 1103515245)) (i64.const 12345)) (i64.const 2147483647)))
      (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
      (local.set $i (i64.sub (local.get $i) (i64.const 1)))
      (br_if $again (i64.ne (local.get $i) (i64.const 0))))
    (local.get $x))
  (func (export "arithmetic checked") (result i64)
    (local $i i64) (local $x i64) (local $y i64) (local $sum i64)
    (local.set $i (i64.const 300000))
    (local.set $x (i64.const 1))
    (block $done
      (loop $again
        (br_if $done (i64.eqz (local.get $i)))
        (if (i64.ne (local.get $x) (i64.extend32_s (local.get $x))) (then (unreachable)))
        (local.set $y (i64.mul (local.get $x) (i64.const 1103515245)))
        (local.set $sum (i64.add (local.get $y) (i64.const 12345)))
        (if (call $overflow (local.get $y) (i64.const 12345) (local.get $sum)) (then (unreachable)))
        (local.set $x (i64.and (local.get $sum) (i64.const 2147483647)))
        (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
        (local.set $sum (i64.sub (local.get $i) (i64.const 1)))
        (if (call $overflow (local.get $sum) (i64.const 1) (local.get $i)) (then (unreachable)))
        (local.set $i (local.get $sum))
        (br $again)))
    (local.get $x))

  ;; The words of the rule: four limits and the ceiling, from byte 0 on.
  (func (export "rule") (result i64)
    (local $i i64) (local $amount i64) (local $denied i64)
    (loop $again
      (local.set $amount (i64.add (local.get $amount) (i64.const 37)))
      (local.set $denied (i64.add (local.get $denied) (i64.or
        (i64.extend_i32_u (i32.or
          (i32.or
            (i64.lt_s (i64.load (i32.const 0)) (local.get $amount))
            (i64.lt_s (i64.load (i32.const 8)) (local.get $amount)))
          (i32.or
            (i64.lt_s (i64.load (i32.const 16)) (local.get $amount))
            (i64.lt_s (i64.load (i32.const 24)) (i64.const 1)))))
        (i64.extend_i32_u (i64.lt_s (i64.load (i32.const 32)) (local.get $amount))))))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $again (i64.lt_s (local.get $i) (i64.const 40000))))
    (local.get $denied))
  (func (export "rule checked") (result i64)
    (local $i i64) (local $amount i64) (local $denied i64) (local $one i64) (local $sum i64)
    (block $done
      (loop $again
        (br_if $done (i64.ge_s (local.get $i) (i64.const 40000)))
        (local.set $sum (i64.add (local.get $amount) (i64.const 37)))
        (if (call $overflow (local.get $amount) (i64.const 37) (local.get $sum)) (then (unreachable)))
        (local.set $amount (local.get $sum))
        (if (i32.or
              (i32.or
                (i64.lt_s (i64.load (i32.const 0)) (local.get $amount))
                (i64.lt_s (i64.load (i32.const 8)) (local.get $amount)))
              (i32.or
                (i64.lt_s (i64.load (i32.const 16)) (local.get $amount))
                (i64.lt_s (i64.load (i32.const 24)) (i64.const 1))))
          (then (local.set $one (i64.const 1)))
          (else (local.set $one (i64.const 0))))
        (local.set $one (i64.or (local.get $one) (i64.extend_i32_u (i64.lt_s (i64.load (i32.const 32)) (local.get $amount)))))
        (local.set $sum (i64.add (local.get $denied) (local.get $one)))
        (if (call $overflow (local.get $denied) (local.get $one) (local.get $sum)) (then (unreachable)))
        (local.set $denied (local.get $sum))
        (local.set $sum (i64.add (local.get $i) (i64.const 1)))
        (if (call $overflow (local.get $i) (i64.const 1) (local.get $sum)) (then (unreachable)))
        (local.set $i (local.get $sum))
        (br $again)))
    (local.get $denied)))
