-- What no parser of Fluent Bit can do. A paragraph is a function, and a step has those that it calls. What is named and
-- not made here is set before them: `key`, the field of the record's time; `ours`, the one that we write it to; `paths` of
-- names that clash; `trees`.

-- The time that is written as digits, with their fraction ("" or ".123"): seconds from 1973 to 2096, or as many
-- milliseconds. Others would not do either: one of which Fluent Bit cannot make a time leaves all of its chunk unread.
local function time_of(whole, fraction)
  local digits = string.sub(fraction, 2)
  if #whole == 12 or #whole == 13 then
    digits = string.sub(whole, -3) .. digits
    whole = string.sub(whole, 1, -4)
  end
  local seconds = tonumber(whole)
  if string.sub(whole, 1, 1) == "0" or #whole > 10 or seconds < 100000000 or seconds >= 4000000000 then
    return nil
  end
  return { sec = seconds, nsec = tonumber(string.sub(digits .. "000000000", 1, 9)) }
end

-- How many objects and lists are open behind a piece of JSON, before which `level` were and no string; nil where one more
-- was closed than that.
local function behind(json, level)
  local bare = string.gsub(string.gsub(json, "\\.", ""), '"[^"]*"', "")
  for brace in string.gmatch(bare, "[{}%[%]]") do
    level = level + ((brace == "{" or brace == "[") and 1 or -1)
    if level < 0 then
      return nil
    end
  end
  return level
end

-- Where a member of the object that opens before `from` begins, and where its value does.
local function member(json, from, name)
  local pattern, level = '"' .. string.gsub(name, "%W", "%%%0") .. '"%s*:%s*', 0
  local first, last = string.find(json, pattern, from)
  while first do
    level = behind(string.sub(json, from, first - 1), level)
    if level == nil then
      return nil
    elseif level == 0 then
      return first, last + 1
    end
    from = last + 1
    first, last = string.find(json, pattern, from)
  end
end

-- The place behind the brace that opens the object.
local function inside(json)
  local _, last = string.find(json, "^%s*{")
  return last and last + 1
end

-- The JSON with another name for the member that begins at `first`.
local function renamed(json, first, name, suffix)
  return string.sub(json, 1, first + #name) .. suffix .. string.sub(json, first + #name + 1)
end

-- The time that is a number, or the text of one, and where its member begins: the last of that name.
local digits = '("?)(%d+)(%.?%d*)([eE]?%+?%d*)("?)%s*[,}]'
local dated = key and '"' .. string.gsub(key, "%W", "%%%0") .. '"%s*:%s*' .. digits
local function time_in(json)
  local from = key and string.find(json, dated) and inside(json)
  local first, value
  while from do
    local at, behind_it = member(json, from, key)
    if at then
      first, value = at, behind_it
    end
    from = at and behind_it
  end
  if first == nil then
    return nil
  end
  local quote, whole, fraction, exponent, unquote = string.match(json, "^" .. digits, value)
  if quote ~= unquote or fraction == "." then
    return nil, first
  elseif exponent ~= "" then
    local number = quote == "" and tonumber(whole .. fraction .. exponent)
    whole, fraction = string.match(string.format("%.3f", number or 0), "^(%d+)(%.%d+)$")
  end
  return whole and time_of(whole, fraction), first
end

-- The JSON, in which what stands where an object of ours would, and is none, has a name of its own.
local function told_apart(json)
  for _, path in ipairs(paths or {}) do
    local at, first = inside(json)
    for place, name in ipairs(path) do
      if at and string.find(json, '"' .. name .. '"', at, true) then
        first, at = member(json, at, name)
        if at and place < #path then
          at = string.sub(json, at, at) == "{" and at + 1 or nil
        end
      else
        at = nil
      end
    end
    if at and not string.find(json, "^[{n]", at) then
      json = renamed(json, first, path[#path], ".value")
    end
  end
  return json
end

-- What is done to a line of JSON before it is read: in the text, since a record with numbers in it does not come back
-- from Lua as it was. A time that is read out of our own field for it leaves that to us.
function json(tag, timestamp, record)
  local message = record["message"]
  if type(message) ~= "string" then
    return 0, timestamp, record
  end
  local whole = told_apart(message)
  local time, first = time_in(whole)
  if time and key == ours then
    whole = renamed(whole, first, key, "_read")
  end
  if time == nil and whole == message then
    return 0, timestamp, record
  end
  record["message"] = whole
  return time and 1 or 2, time or timestamp, record
end

-- The time that is a text of digits in the field.
function field_time(tag, timestamp, record)
  local whole, fraction = string.match(tostring(record[key]), "^(%d+)(%.?%d*)$")
  local time = whole and time_of(whole, fraction)
  if time == nil then
    return 0, timestamp, record
  end
  if key == ours then
    record[key] = nil
  end
  return 1, time, record
end

-- A time without a year: that of now and a day, or the last one in which the date exists and is no more than a day
-- ahead. Fluent Bit has put the year of now, in which it takes 29 February for 1 March.
function year(tag, timestamp, record)
  local latest = os.time() + 86400
  local date = os.date("*t", timestamp.sec)
  if leap_day ~= "" and string.sub(tostring(record[key]), 1, #leap_day) == leap_day and date.month == 3 then
    date.month, date.day = 2, 29
  end
  local month, newest = date.month, os.date("*t", latest).year
  for back = 0, 8 do
    local clock = { month = month, day = date.day, hour = date.hour, min = date.min, sec = date.sec }
    clock.year = newest - back
    local found = os.time(clock)
    if found <= latest and os.date("*t", found).month == month then
      return 1, { sec = found, nsec = timestamp.nsec }, record
    end
  end
  return 0, timestamp, record
end

-- The application's path of the file, out of the sidecar's.
function path(tag, timestamp, record)
  local file = record["log.file.path"]
  for _, tree in ipairs(trees) do
    if string.sub(file, 1, #tree[1]) == tree[1] then
      record["log.file.path"] = tree[2] .. string.sub(file, #tree[1] + 1)
      return 2, timestamp, record
    end
  end
  return 0, timestamp, record
end
