-- The work of machine-programs.ts in Lua 5.4, whose integers have 64 bits: prints `name milliseconds answer`, by program
-- the median of as many runs as the first argument says.
local programs = {}

function programs.sieve()
  local size, count = 8192, 0
  local flags = {}
  for _ = 1, 10 do
    for i = 0, size - 1 do flags[i] = 1 end
    count = 0
    for i = 2, size - 1 do
      if flags[i] == 1 then
        count = count + 1
        for j = i + i, size - 1, i do flags[j] = 0 end
      end
    end
  end
  return count
end

local function fib(n)
  local a, b = 0, 1
  while n ~= 0 do
    a, b = b, a + b
    n = n - 1
  end
  return a
end

function programs.fibonacci()
  local answer = 0
  for _ = 1, 10000 do answer = fib(90) end
  return answer
end

function programs.arithmetic()
  local x, left = 1, 300000
  while left ~= 0 do
    x = (x * 1103515245 + 12345) & 2147483647
    x = x ~ (x >> 7)
    left = left - 1
  end
  return x
end

function programs.rule()
  local limits = { [0] = 900000, [1] = 1200000, [2] = 1000000, [3] = 5 }
  local secret = { [0] = 1100000 }
  local amount, denied = 0, 0
  for _ = 1, 40000 do
    amount = amount + 37
    local is_above = limits[0] < amount or limits[1] < amount or limits[2] < amount or limits[3] < 1
    local is_denied = is_above and 1 or 0
    if secret[0] < amount then is_denied = is_denied | 1 end
    denied = denied + is_denied
  end
  return denied
end

for _, name in ipairs({ "sieve", "fibonacci", "arithmetic", "rule" }) do
  local times, answer = {}, 0
  for i = 1, tonumber(arg[1]) do
    local started = os.clock()
    answer = programs[name]()
    times[i] = (os.clock() - started) * 1000
  end
  table.sort(times)
  print(string.format("%s %.4f %d", name, times[(#times + 1) // 2], answer))
end
