-- What no parser of Fluent Bit can do. `key` is set before this text, and `trees` where the paths need it.

-- The time that is written as digits, with their fraction ("" or ".123"): seconds or milliseconds since 1970.
local function time_of(whole, fraction)
  local digits
  if #whole == 9 or #whole == 10 then
    digits = string.sub(fraction, 2)
  elseif #whole == 12 or #whole == 13 then
    digits = string.sub(whole, -3) .. string.sub(fraction, 2)
    whole = string.sub(whole, 1, -4)
  else
    return nil
  end
  return { sec = tonumber(whole), nsec = tonumber(string.sub(digits .. "000000000", 1, 9)) }
end

-- How many objects and arrays are open at the end of a piece of JSON that ends outside of a string.
local function depth(json)
  local bare = string.gsub(string.gsub(json, "\\.", ""), '"[^"]*"', "")
  local _, opened = string.gsub(bare, "[{%[]", "")
  local _, closed = string.gsub(bare, "[}%]]", "")
  return opened - closed
end

-- The time that is a number, or the text of one, in the JSON of `message`. It is looked for in the text, since a record with numbers in it
-- does not come back from Lua as it was.
function json_time(tag, timestamp, record)
  local message = record["message"]
  local place = 1
  while type(message) == "string" do
    local first, last, whole, fraction = string.find(message, key .. '%s*:%s*"?(%d+)(%.?%d*)"?%s*[,}]', place)
    if first == nil then
      return 0, timestamp, record
    end
    if depth(string.sub(message, 1, first - 1)) == 1 then
      local time = time_of(whole, fraction)
      if time == nil then
        return 0, timestamp, record
      end
      return 1, time, record
    end
    place = last
  end
  return 0, timestamp, record
end

-- The time that is a text of digits in the field.
function field_time(tag, timestamp, record)
  local whole, fraction = string.match(tostring(record[key]), "^(%d+)(%.?%d*)$")
  local time = whole and time_of(whole, fraction)
  if time == nil then
    return 0, timestamp, record
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
