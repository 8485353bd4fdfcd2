require "csv"
require "date"
require "json"
require "fluent/plugin/filter"

# What the environment says, for the configuration: without the line end that many Secrets have.
module ::Loghook
  def self.env(name)
    ENV.fetch(name, "").dup.force_encoding("UTF-8").scrub.chomp
  end

  # The same, within a string of JSON.
  def self.json(name)
    JSON.generate(env(name))[1..-2]
  end
end

# Lines in, records out: the fields of the format, the time, the metadata. What fails leaves the line as `message`.
class ::Fluent::Plugin::LoghookFilter < ::Fluent::Plugin::Filter
  ::Fluent::Plugin.register_filter("loghook", self)

  config_param :syntax, :enum, list: [:text, :json, :logfmt, :csv, :regex], default: :text
  config_param :expression, :string, default: ""
  config_param :columns, :array, default: []
  config_param :types, :hash, default: {}
  config_param :partial, :bool, default: false
  config_param :time_key, :string, default: nil
  config_param :time_format, :string, default: nil
  config_param :time_zone, :string, default: "UTC"
  config_param :keep, :string, default: nil
  config_param :drop, :string, default: nil
  config_param :hint, :string, default: nil
  config_param :redact, :array, default: []
  config_param :attributes, :hash, default: {}
  config_param :stems, :array, default: []
  config_param :trees, :array, default: []
  config_param :shape, :enum, list: [:record, :hec, :bulk], default: :record
  config_param :envelope, :hash, default: {}

  MARK = "\uFEFF"
  YEARS = 1971..2099
  ISO = /\A\s*(19(?:7[1-9]|[89]\d)|20\d\d)(?:-(?=\d\d-)|(?=\d{4}))(\d\d)-?(\d\d)[Tt ]([01]\d|2[0-3])(?::(?=\d\d:)|(?=\d{4}))(\d\d):?(\d\d)(?:[.,](\d+))?\s*([Zz]|[+-]\d\d(?::?\d\d)?)?\s*\z/
  EPOCH = /\A[1-9]\d*(?:\.\d+)?\z/
  PAIR = /\G\s*([^\s="]+)(?:=("(?:[^"\\]|\\.)*"|[^\s"]*))?(?=\s|\z)/
  QUOTED = /"(?:[^"\\]|\\.)*"/
  ESCAPE = /\\(?:["\\\/bfnrt]|u[dD][89abAB]\h\h\\u[dD][c-fC-F]\h\h|(?<half>u[dD][89a-fA-F]\h\h)|u\h{4}|(?<other>))/
  COMMENT = /\/[\/*]/
  EXPONENT = /[eE]\+?\d{3}/
  FLOAT = /\A[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\z/
  CASTS = {"integer" => ->(text) { text.match?(/\A[+-]?\d+\z/) && text.to_i.bit_length < 64 ? text.to_i : text },
           "float" => ->(text) { text.match?(FLOAT) && text.to_f.finite? ? text.to_f : text },
           "boolean" => ->(text) { {"true" => true, "false" => false}.fetch(text.downcase) }}

  def configure(conf)
    super
    @pattern = Regexp.new(@expression)
    @keep &&= bounded(@keep)
    @drop &&= bounded(@drop)
    @replaced = @redact.map { |pattern, text| [bounded(pattern), text.gsub("\\") { "\\\\" }] }
    @hint &&= bounded(@hint)
    @whole_seconds = @time_format.to_s.sub(/(?<=%[STs])[.,]%L/, "")
    @left_out = 0
    @begun = {}
    @places = @stems.map do |stem|
      *above, last = stem.split(".")
      [stem, above.first, above, last]
    end
    offset = /\A([+-])(\d\d):?(\d\d)\z/.match(@time_zone)
    if offset
      @offset = seconds_of(offset)
    elsif @time_zone == "UTC"
      @offset = 0
    else
      require "tzinfo"
      begin
        @zone = TZInfo::Timezone.get(@time_zone)
      rescue TZInfo::InvalidTimezoneIdentifier
        log.warn "no such time zone, times without one are not read: #{@time_zone}"
      end
    end
  end

  def filter_with_time(tag, time, line)
    text = (line["message"] || line["unmatched_line"]).to_s.dup.force_encoding("UTF-8").scrub.delete_prefix(MARK)
    path = line["log.file.path"].to_s
    return left_out unless @partial || wanted?(text)
    begin
      record = parse(text)
      typed(record) if record
      return nil if record && @partial && begun?(path, record)
    rescue StandardError
      record = nil
    end
    record ||= {"message" => text}
    return left_out unless !@partial || wanted?(record["message"].to_s)
    found = time_of(record)
    time = found || time
    record = redacted(record) if @hint && hinted?(@partial ? record["message"].to_s : text)
    own = record["@timestamp"]
    record["@timestamp_original"] = own unless own.nil? || (found && @time_key == "@timestamp")
    told_apart(record)
    record.merge!(@attributes)
    record["log.file.path"] = name_of(path)
    record["@timestamp"] = Time.at(time.sec, time.nsec, :nsec).utc.strftime("%Y-%m-%dT%H:%M:%S.%NZ")
    [time, shaped(time, record)]
  end

  private

  # Ruby 3.2 and later give up a search that takes too long.
  def bounded(pattern)
    Regexp.respond_to?(:timeout) ? Regexp.new(pattern, timeout: 1.0) : Regexp.new(pattern)
  end

  # A record that could not be searched in time is shipped.
  def wanted?(text)
    (@keep.nil? || @keep.match?(text)) && !@drop&.match?(text)
  rescue StandardError
    true
  end

  # Leaves a record out, and says how many so far: the first, the tenth, the hundredth.
  def left_out
    @left_out += 1
    log.warn "records left out by keep and drop so far: #{@left_out}" if @left_out.to_s.match?(/\A10*\z/)
    nil
  end

  # Whether there may be something in a line, as it was written: what is escaped there may be anything.
  def hinted?(text)
    @hint.match?(text) || text.include?("\\") || text.include?('""')
  rescue StandardError
    true
  end

  def redacted(value)
    case value
    when String then replaced(value)
    when Hash then value.transform_values { |each| redacted(each) }
    when Array then value.map { |each| redacted(each) }
    else value
    end
  rescue StandardError
    "[not searched in time]"
  end

  def replaced(text)
    @replaced.reduce(text) { |found, (pattern, by)| found.gsub(pattern, by) }
  end

  def parse(text)
    case @syntax
    when :json then object(text)
    when :logfmt then logfmt(text)
    when :csv
      found = @columns.zip(CSV.parse_line(text)).reject { |_, cell| cell.to_s.empty? }
      found.empty? ? nil : found.to_h
    when :regex
      found = @pattern.match(text)
      found && found.named_captures.reject { |_, value| value.nil? || (value.empty? && !@partial) }
    end
  end

  # An object of JSON that can be written again. Ruby's parser takes comments and any escape, too, numbers beyond all
  # bounds, and halves of surrogates; and its writer nothing that is nested more than 100 times, with what is around it.
  def object(text)
    text = escaped(text) if text.include?("\\")
    return nil if text.match?(COMMENT) && text.gsub(QUOTED, "").include?("/")
    found = text.bytesize < 200 ? JSON.parse(text) : JSON.parse(text, max_nesting: 98)
    return nil unless found.is_a?(Hash)
    is_odd = text.match?(EXPONENT) || (text.bytesize > 200 && text.match?(/\d{200}/))
    is_odd && !finite?(found) ? nil : found
  end

  # The text with U+FFFD in the place of half a surrogate. Raises what has another escape than JSON's.
  def escaped(text)
    text.gsub(ESCAPE) do |found|
      raise JSON::ParserError, found if $~[:other]
      $~[:half] ? "\\ufffd" : found
    end
  end

  def finite?(value)
    case value
    when Float then value.finite?
    when Hash then value.each_value.all? { |each| finite?(each) }
    when Array then value.all? { |each| finite?(each) }
    else true
    end
  end

  def logfmt(text)
    pairs = []
    rest = text.gsub(PAIR) { pairs << [$1, $2] && "" }
    return nil unless rest.match?(/\A\s*\z/) && pairs.any? { |_, value| value }
    pairs.to_h { |key, value| [key, value.nil? ? true : value.start_with?("\"") ? unquoted(value) : value] }
  end

  # What stands between quotes, whose escapes are those of JSON; control characters may stand there as they are.
  def unquoted(value)
    return value[1..-2] unless value.include?("\\")
    JSON.parse("[#{escaped(value).gsub(/[\x00-\x1f]/) { |control| format("\\u%04x", control.ord) }}]").first
  end

  def typed(record)
    @types.each do |key, type|
      record[key] = CASTS.fetch(type).call(record[key]) if record[key].is_a?(String)
    rescue StandardError
      next
    end
  end

  # Whether a record goes on in the next line; the parts before it are kept until it ends.
  def begun?(path, record)
    key = [path, record["stream"]]
    goes_on = record["logtag"] == "P"
    whole = @begun.delete(key)
    if whole
      whole["message"] << record["message"].to_s
      record.replace(whole)
    end
    return false if !goes_on || record["message"].bytesize > 1_048_576
    @begun[key] = record.merge("message" => record["message"].dup)
    true
  end

  def time_of(record)
    value = @time_key && record[@time_key]
    return nil if value.nil? || value == ""
    return formatted(value.to_s) if @time_format && @time_format != "%s"
    return epoch(value.to_s) if value.is_a?(Numeric) || EPOCH.match?(value.to_s)
    clock = ISO.match(value.to_s)&.captures
    return nil unless clock && (clock[2] < "29" || Date.valid_civil?(*clock.first(3).map(&:to_i)))
    *clock, fraction, zone = clock
    offset = zone && zone_of(zone)
    zone && offset.nil? ? nil : at(clock, fraction, offset)
  rescue StandardError
    nil
  end

  # Seconds from 1973 to 2096, or as many milliseconds.
  def epoch(text)
    number = Rational(text)
    number /= 1000 if number >= 100_000_000_000
    return nil unless (100_000_000...4_000_000_000).cover?(number)
    Fluent::EventTime.new(number.floor, ((number % 1) * 1_000_000_000).to_i)
  end

  def formatted(text)
    parts = Date._strptime(text, @time_format) || Date._strptime(text, @whole_seconds)
    return nil if parts.nil? || parts[:leftover] || (parts[:zone] && !parts[:offset]&.between?(-86_399, 86_399))
    fraction = parts[:sec_fraction] ? (parts[:sec_fraction] * 1_000_000_000).to_i.to_s.rjust(9, "0") : nil
    return epoch(parts[:seconds].to_s)&.then { |found| Fluent::EventTime.new(found.sec, fraction.to_i) } if parts[:seconds]
    clock = [parts[:hour] || 0, parts[:min] || 0, parts[:sec] || 0]
    return dated(parts[:year], parts, clock, fraction) if parts[:year]
    latest = Time.now.to_i + 86_400
    year = Time.at(latest).utc.year
    year.downto(year - 8).lazy.map { |each| dated(each, parts, clock, fraction) }.find { |found| found && found.sec <= latest }
  end

  # The time in a year; nil where that has no such day, or there is no log of it. Of nine years in a row one has a 29
  # February.
  def dated(year, parts, clock, fraction)
    day = parts[:yday] ? Date.ordinal(year, parts[:yday]) : Date.civil(year, parts[:mon], parts[:mday])
    return nil unless YEARS.cover?(day.year) && clock[0] < 24
    at([day.year, day.month, day.day, *clock], fraction, parts[:offset])
  rescue Date::Error
    nil
  end

  # The time by its numbers, or their digits: of a day that there is, and an hour before 24; a leap second is the next.
  def at(clock, fraction, offset)
    wall = Time.utc(*clock)
    offset ||= @offset || offset_at(wall)
    Fluent::EventTime.new(wall.to_i - offset, fraction.to_s.ljust(9, "0")[0, 9].to_i)
  end

  # The first of two, where a zone has an hour twice; where it has it not at all, that of the hour before.
  def offset_at(wall)
    @zone.period_for_local(wall, true, &:first).observed_utc_offset
  rescue TZInfo::PeriodNotFound
    @zone.period_for_local(wall - 3600, true, &:first).observed_utc_offset
  end

  def zone_of(text)
    return 0 if text == "Z" || text == "z"
    offset = /([+-])([01]\d|2[0-3])(?::?([0-5]\d))?\z/.match(text)
    offset && seconds_of(offset)
  end

  def seconds_of(offset)
    (offset[2].to_i * 3600 + offset[3].to_i * 60) * (offset[1] == "-" ? -1 : 1)
  end

  # What stands where an object of ours would, and is none, goes below it: the shortest names first, so that what is
  # above a name is an object or nothing.
  def told_apart(record)
    @places.each do |stem, top, above, last|
      aside(record, stem) if record.key?(stem)
      inner = record.dig(*above) if record.key?(top)
      aside(inner, last) if inner
    end
  end

  def aside(fields, name)
    value = fields[name]
    fields["#{name}.value"] = fields.delete(name) unless value.nil? || value.is_a?(Hash)
  end

  def name_of(path)
    return path if @trees.empty?
    here, there = @trees.find { |from, _| path == from || path.start_with?(from + "/") }
    here ? there + path[here.length..] : path
  end

  def shaped(time, record)
    case @shape
    when :hec then @envelope.merge("time" => (time.to_r * 1000).floor / 1000.0, "event" => record)
    when :bulk then {"line" => "#{JSON.generate(@envelope)}\n#{JSON.generate(record)}"}
    else record
    end
  end
end
