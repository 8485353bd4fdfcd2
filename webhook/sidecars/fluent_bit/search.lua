-- Searches for expressions, which Lua does not have. `rules` are set before this text: each has the `tree` of an expression,
-- as `search.py` writes it. It becomes an automaton whose states are made when a text first needs them, so that a search
-- takes as long as the text is, whatever the expression.

local EDGE = 256 -- stands for what is before the first byte and behind the last
local STATES = 2000 -- of an automaton; then it begins anew
local word = {}
for byte = 0, 255 do
  word[byte] = string.find(string.char(byte), "[%w_]") ~= nil and byte < 128
end

local function members(ranges)
  local set = {}
  for place = 1, #ranges, 2 do
    for byte = string.byte(ranges, place), string.byte(ranges, place + 1) do
      set[byte] = true
    end
  end
  return set
end

-- Puts the instructions for `tree` into `program`, and returns the place of the first; `next` is what comes after them.
local function compile(program, tree, next, backward)
  local function add(instruction)
    program[#program + 1] = instruction
    return #program
  end
  if type(tree) == "string" then
    return add({ set = members(tree), next = next })
  end
  local kind = tree[1]
  if kind == "sequence" then
    for number = 2, #tree do
      next = compile(program, tree[backward and number or #tree + 2 - number], next, backward)
    end
    return next
  elseif kind == "choice" then
    local options = {}
    for number = 2, #tree do
      options[number - 1] = compile(program, tree[number], next, backward)
    end
    return add({ options = options })
  elseif kind == "repeat" then
    local part, least, most, is_greedy = tree[2], tree[3], tree[4], tree[5]
    local behind = next
    if most < 0 then
      next = add({})
      local again = compile(program, part, next, backward)
      program[next].options = is_greedy and { again, behind } or { behind, again }
    end
    for _ = 1, most - least do
      local again = compile(program, part, next, backward)
      next = add({ options = is_greedy and { again, behind } or { behind, again } })
    end
    for _ = 1, least do
      next = compile(program, part, next, backward)
    end
    return next
  end
  if backward then
    kind = ({ start = "end", ["end"] = "start" })[kind] or kind
  end
  return add({ edge = kind, next = next })
end

-- Forward: of the first match anywhere; backward: of the longest one from where it begins.
local function automaton(tree, backward)
  local program = { { is_match = true } }
  local start = compile(program, tree, 1, backward)
  return { program = program, start = start, is_longest = backward, states = {}, count = 0 }
end

-- The state in which the instructions of `list` may come next, in order, after a byte of the kind `before`: an edge, a
-- part of a word, or another. `is_match`: a match ends before that byte; `is_over`: nothing later begins one.
local function state_of(machine, list, before, is_match, is_over)
  local key = table.concat(list, " ") .. before .. (is_match and "!" or "") .. (is_over and "." or "")
  local state = machine.states[key]
  if state == nil then
    if machine.count >= STATES then
      machine.states, machine.count = {}, 0
    end
    state = {}
    for byte = 1, EDGE + 1 do
      state[byte] = false -- an array, which is looked into at once
    end
    state.list, state.before, state.is_match, state.is_over, state.is_dead = list, before, is_match, is_over, #list == 0
    machine.states[key] = state
    machine.count = machine.count + 1
  end
  return state
end

local function kind_of(byte)
  return byte == EDGE and "e" or word[byte] and "w" or "o"
end

local function begun(machine, byte)
  return state_of(machine, { machine.start }, kind_of(byte), false, machine.is_longest)
end

local function is_there(edge, before, coming)
  if edge == "border" then
    return (before == "w") ~= (coming == "w")
  end
  return (edge == "start" and before or coming) == "e"
end

-- The state after `state` and `byte`. A match is seen one byte late, since a border looks at what comes. What stands
-- behind a match in the order is worth less; the longest match looks at all the same.
local function after(machine, state, byte)
  local program, seen, list, listed = machine.program, {}, {}, {}
  local coming, is_match = kind_of(byte), false
  local function go_to(place)
    if not listed[place] then
      listed[place] = true
      list[#list + 1] = place
    end
  end
  local function follow(place)
    if seen[place] or (is_match and not machine.is_longest) then
      return
    end
    seen[place] = true
    local found = program[place]
    if found.is_match then
      is_match = true
    elseif found.options then
      for _, option in ipairs(found.options) do
        follow(option)
      end
    elseif found.edge then
      if is_there(found.edge, state.before, coming) then
        follow(found.next)
      end
    elseif found.set[byte] then
      go_to(found.next)
    end
  end
  for _, place in ipairs(state.list) do
    follow(place)
  end
  local is_over = state.is_over or is_match
  if not is_over and byte ~= EDGE then
    go_to(machine.start)
  end
  local to = state_of(machine, list, coming, is_match, is_over)
  state[byte + 1] = to
  return to
end

-- The last byte of the first match in `text` from `from` on; with `is_any`, whether there is one.
local function forward(machine, text, from, is_any)
  local last
  local state = begun(machine, from > 1 and string.byte(text, from - 1) or EDGE)
  for place = from, #text + 1 do
    local byte = string.byte(text, place) or EDGE
    state = state[byte + 1] or after(machine, state, byte)
    if state.is_match then
      last = place - 1
      if is_any then
        return last
      end
    end
    if state.is_dead then
      return last
    end
  end
  return last
end

-- The first byte of the longest match that ends at `last` and does not begin before `from`.
local function backward(machine, text, from, last)
  local first
  local state = begun(machine, string.byte(text, last + 1) or EDGE)
  for place = last, from - 1, -1 do
    local byte = place > 0 and string.byte(text, place) or EDGE
    state = state[byte + 1] or after(machine, state, byte)
    if state.is_match then
      first = place + 1
    end
    if state.is_dead then
      return first
    end
  end
  return first
end

local function prepared(rule)
  if rule and not rule.forward then
    rule.forward = automaton(rule.tree, false)
    rule.backward = automaton(rule.tree, true)
  end
  return rule
end

local function is_found(rule, text)
  return forward(prepared(rule).forward, text, 1, true) ~= nil
end

local function replaced(rule, text)
  local parts, from = nil, 1
  prepared(rule)
  while from <= #text do
    local last = forward(rule.forward, text, from)
    if last == nil then
      break
    end
    local first = backward(rule.backward, text, from, last)
    parts = parts or {}
    parts[#parts + 1] = string.sub(text, from, first - 1)
    parts[#parts + 1] = rule.text
    from = last + 1
  end
  if parts == nil then
    return text
  end
  parts[#parts + 1] = string.sub(text, from)
  return table.concat(parts)
end

-- Whether a record is shipped: `keep` is looked for first, then `drop`.
local left_out, told = 0, 1
function choose(tag, timestamp, record)
  local text = record["message"]
  if type(text) ~= "string" then
    return 0, timestamp, record
  end
  if (rules.keep and not is_found(rules.keep, text)) or (rules.drop and is_found(rules.drop, text)) then
    left_out = left_out + 1
    if left_out == told then
      told = told * 10
      io.stderr:write("[loghook] " .. tag .. ": records left out by keep and drop so far: " .. left_out .. "\n")
    end
    return -1, timestamp, record
  end
  return 0, timestamp, record
end

-- Most texts have nothing of any rule in them, which is seen at one look.
local any
local function is_any_found(text)
  if any == nil then
    any = { tree = { "choice" } }
    for _, rule in ipairs(rules) do
      table.insert(any.tree, rule.tree)
    end
  end
  return is_found(any, text)
end

local function redacted(value)
  if type(value) == "string" then
    if not is_any_found(value) then
      return value, false
    end
    local text = value
    for _, rule in ipairs(rules) do
      text = replaced(rule, text)
    end
    return text, text ~= value
  elseif type(value) ~= "table" then
    return value, false
  end
  local is_changed = false
  for key, inner in pairs(value) do
    if key ~= "log.file.path" then
      local other, changed = redacted(inner)
      if changed then
        value[key], is_changed = other, true
      end
    end
  end
  return value, is_changed
end

-- A record in which nothing is replaced goes on as it is: numbers do not come back from Lua as they were.
function redact(tag, timestamp, record)
  local _, is_changed = redacted(record)
  return is_changed and 2 or 0, timestamp, record
end
