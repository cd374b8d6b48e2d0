-- The requests of wrk. Arguments: the round's name, the percentage of misses, the beginning of the names of the
-- warm accounts, and their number. A miss is a request for an account that was never requested before: its id
-- has the round, the thread and a number.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("id", threads)
end

function init(arguments)
  round = arguments[1]
  miss_share = tonumber(arguments[2]) / 100
  prefix = arguments[3]
  accounts = tonumber(arguments[4])
  missed = 0
  wrk.headers["Authorization"] = "Bearer " .. os.getenv("CREDWELL_BROKER_TOKENS")
  -- With more accounts, a table of all requests would be too large.
  if accounts <= 1000 then
    warm = {}
    for number = 1, accounts do
      warm[number] = get(prefix .. number)
    end
  end
  math.randomseed(os.time() * 100 + id)
end

function get(name)
  return wrk.format("GET", "/v1/accounts/apn_" .. name .. "/credentials")
end

function request()
  if miss_share > 0 and math.random() < miss_share then
    missed = missed + 1
    return get("m" .. round .. "x" .. id .. "x" .. missed)
  end
  local number = math.random(accounts)
  return warm and warm[number] or get(prefix .. number)
end

-- Prints exact figures for the load test: wrk's own percentiles are rounded, and are those of one round only.
function done(summary, latency)
  local errors = summary.errors
  print(string.format("credwell-summary %d %d %d %d", summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
  for index = 1, #latency do
    print(string.format("credwell-latency %d %d", latency(index)))
  end
end
