package limits

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/redis/go-redis/v9"
)

// Each script documents its KEYS, ARGV and reply in its file.
var (
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/attempt.lua
	attemptLua string

	takeScript    = redis.NewScript(takeLua)
	attemptScript = redis.NewScript(attemptLua)
)

// Use is one request to count, by address or by credential.
type Use struct {
	Endpoint string // one of Endpoints
	Route    string // counted separately within the endpoint; may be empty
	IP       string // empty: count by credential
	Caller   string // credential; empty: count by address
	Rate     string // the credential's own rate, see ParseRate; empty: as configured

	// These select an override, see Rates. All may be empty.
	Flow         int64  // number of the requested flow
	Method, Path string // method of the request and template of its path
}

// Quota is the remaining quota of a caller.
type Quota struct {
	Rate                    // zero: no limit
	Remaining int           // requests available now
	Reset     time.Duration // time until one more is available
	Wait      time.Duration // time until this request may be repeated; zero: it was counted
}

// Config configures a Limiter. Redis is required.
type Config struct {
	Redis      redis.UniversalClient
	IP         Rates // for each address and endpoint
	Credential Rates // for each credential and endpoint
}

// Limiter counts requests in strict sliding windows. Safe for concurrent use.
type Limiter struct{ config Config }

// New returns a Limiter.
func New(config Config) (*Limiter, error) {
	if config.Redis == nil {
		return nil, errors.New("new limiter: Redis is required")
	}
	return &Limiter{config}, nil
}

// Take counts one request, or returns how long it must wait.
func (l *Limiter) Take(ctx context.Context, u Use) (Quota, error) {
	rates, who := l.config.Credential, u.Caller
	if u.IP != "" {
		rates, who = l.config.IP, Network(u.IP)
	}
	rate, override := rates.of(&u)
	window := keyWindow(u.Endpoint, u.Route, who)
	if override != "" {
		window = keyWindow("override", override, who)
	}
	if u.Rate != "" {
		own, err := ParseRate(u.Rate)
		if err != nil {
			return Quota{}, fmt.Errorf("count request: %w", err)
		}
		rate, window = own, keyWindow(u.Endpoint, u.Route, who)
	}
	if rate.Limit == 0 {
		return Quota{}, nil
	}
	answer, err := takeScript.Run(ctx, l.config.Redis, []string{window}, rate.Limit, rate.Window.Microseconds()).Int64Slice()
	if err != nil {
		return Quota{}, fmt.Errorf("count request: %w", err)
	}
	return Quota{
		Rate: rate, Remaining: int(answer[0]),
		Reset: time.Duration(answer[1]) * time.Microsecond, Wait: time.Duration(answer[2]) * time.Microsecond,
	}, nil
}

// Network returns the part of an address that identifies a caller: a whole IPv4 address, the first 64 bits of an IPv6
// address.
func Network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.Prefix(64) // cannot fail for an IPv6 address
	return prefix.String()
}
