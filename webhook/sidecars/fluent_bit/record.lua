-- What no parser of Fluent Bit can do. A paragraph is a function, and a step has those that it calls. What is named and
-- not made here is set before them: `key`, the field of the record's time; `ours`, the one that we write it to; `paths` of
-- names that clash; `types` of fields; `trees`.

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

-- Whether the time may be a number, or the text of one. Of a name its letters are sought, since a search goes from one of
-- its first byte to the next, and quotes are many.
local digits = '("?)(%d+)(%.?%d*)([eE]?%+?%d*)("?)%s*[,}]'
local dated, named = "^%s*:%s*" .. digits, key and key .. '"'
local function is_dated(json)
  local first, last = string.find(json, named, 2, true)
  while first and (string.byte(json, first - 1) ~= 34 or not string.find(json, dated, last + 1)) do
    first, last = string.find(json, named, first + 1, true)
  end
  return first
end

-- Where the last member of that name begins, and where its value does, from a place behind the brace of the object.
local function last_member(json, from, name)
  local first, value
  while from do
    local at, behind_it = member(json, from, name)
    if at then
      first, value = at, behind_it
    end
    from = at and behind_it
  end
  return first, value
end

-- The time that is a number, or the text of one, and where its member begins.
local function time_in(json)
  local first, value = last_member(json, key and is_dated(json) and inside(json), key)
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
local endings = {}
for number, path in ipairs(paths or {}) do
  endings[number] = path[1] .. '"'
end
local function told_apart(json)
  for number, ending in ipairs(endings) do
    local path = paths[number]
    local at, first = string.find(json, ending, 1, true) and inside(json)
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

-- The record of a line of csv, with each quote that was doubled between quotes as one. A line that was not understood has
-- nothing but `message`.
function undoubled(tag, timestamp, record)
  local is_changed = false
  for name, value in pairs(record) do
    if name ~= "message" and name ~= "log.file.path" and string.find(value, '""', 1, true) then
      record[name], is_changed = string.gsub(value, '""', '"'), true
    end
  end
  return is_changed and 2 or 0, timestamp, record
end

-- The character of UTF-8 by its number; half a surrogate is none.
local function utf8(code)
  if code >= 0xD800 and code <= 0xDFFF then
    code = 0xFFFD
  end
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40)
  elseif code < 0x10000 then
    return string.char(0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
  end
  local high = 0x80 + math.floor(code / 0x1000) % 0x40
  return string.char(0xF0 + math.floor(code / 0x40000), high, 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

-- What the escapes of JSON in a text stand for; nil where there is another.
local escapes = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local function unescaped(text)
  local parts, from = {}, 1
  local at = string.find(text, "\\", from, true)
  while at do
    parts[#parts + 1] = string.sub(text, from, at - 1)
    local letter = string.sub(text, at + 1, at + 1)
    local code = letter == "u" and tonumber(string.match(text, "^%x%x%x%x", at + 2), 16)
    from = at + (code and 6 or 2)
    if code and code >= 0xD800 and code <= 0xDBFF then
      local low = tonumber(string.match(text, "^\\u([dD][c-fC-F]%x%x)", from) or "", 16)
      if low then
        code, from = 0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00, from + 6
      end
    end
    local meant = code and utf8(code) or escapes[letter]
    if meant == nil then
      return nil
    end
    parts[#parts + 1] = meant
    at = string.find(text, "\\", from, true)
  end
  return table.concat(parts) .. string.sub(text, from)
end

-- The value behind the quote before `from`, and the place behind the quote that ends it.
local function quoted(text, from)
  local place = from
  while true do
    place = string.find(text, '["\\]', place)
    if place == nil then
      return nil
    elseif string.sub(text, place, place) == '"' then
      return unescaped(string.sub(text, from, place - 1)), place + 1
    end
    place = place + 2
  end
end

-- The pairs and words of a line up to its end, or nil. Fluent Bit's own parser knows no words without a value, and takes
-- what stands behind another = for a pair.
local function pairs_of(text)
  local found, has_pair, place = {}, false, string.find(text, "%S")
  while place do
    local _, last, key = string.find(text, '^([^%s="]+)', place)
    if last == nil then
      return nil
    end
    local value = true
    if string.sub(text, last + 1, last + 1) == "=" then
      has_pair = true
      if string.sub(text, last + 2, last + 2) == '"' then
        value, place = quoted(text, last + 3)
      else
        _, place, value = string.find(text, '^([^%s"]*)', last + 2)
        place = place + 1
      end
    else
      place = last + 1
    end
    if value == nil or string.find(text, "^%S", place) then
      return nil
    end
    found[key] = value
    place = string.find(text, "%S", place)
  end
  return has_pair and found or nil
end

-- The value of a field that is no text; what cannot be read as such stays one.
local function cast(text, kind)
  if kind == "boolean" then
    local is_true = string.lower(text) == "true"
    return is_true or (string.lower(text) ~= "false" and text)
  elseif kind == "integer" then
    return #text < 16 and string.find(text, "^[+-]?%d+$") and tonumber((string.gsub(text, "^%+", ""))) or text
  end
  local number = string.find(text, "^[+-]?%.?%d[%deE.+-]*$") and tonumber((string.gsub(text, "^%+", "")))
  return number and math.abs(number) < 1e308 and number or text
end

-- The record with its types, whose fields are all text. Fluent Bit's own parsers take 0 for what is no number.
function typed(tag, timestamp, record)
  for name, kind in pairs(types) do
    if type(record[name]) == "string" then
      record[name] = cast(record[name], kind)
    end
  end
  return 2, timestamp, record
end

-- The fields of a line of logfmt.
function logfmt(tag, timestamp, record)
  local text = record["message"]
  local found = type(text) == "string" and pairs_of(string.gsub(text, "^\239\187\191", ""))
  if not found then
    return 0, timestamp, record
  end
  for name, value in pairs(record) do
    if name ~= "message" and found[name] == nil then
      found[name] = value
    end
  end
  return typed(tag, timestamp, found)
end

-- The metadata with the severity that a level is.
local function with_severity(metadata, level)
  local text = string.match(level, "^%s*(.-)%s*$")
  local digits = string.match(text, "^0*(%d+)$")
  text = digits and texts[digits] or text
  if text ~= "" and not (is_syslog and text == level) then
    metadata.otlp = { severity_text = text, severity_number = numbers[string.lower(text)] }
  end
  return metadata
end

-- The severity of a record: by the first of the fields that is a text.
function severity(tag, timestamp, group, metadata, record)
  for _, name in ipairs(levels) do
    if type(record[name]) == "string" then
      return 2, timestamp, with_severity(metadata, record[name]), record
    end
  end
  return 0, timestamp, metadata, record
end

-- The severity of a line of JSON: by the first of the fields that is a text or a whole number.
function severity_of_json(tag, timestamp, group, metadata, record)
  local json = record["message"]
  if type(json) ~= "string" then
    return 0, timestamp, metadata, record
  end
  for _, name in ipairs(levels) do
    if string.find(json, name .. '"', 2, true) then
      local _, value = last_member(json, inside(json), name)
      local level = value and (string.match(json, '^"([^"\\]*)"', value) or string.match(json, "^(%-?%d+)%s*[,}]", value))
      if level then
        return 2, timestamp, with_severity(metadata, level), record
      end
    end
  end
  return 0, timestamp, metadata, record
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
