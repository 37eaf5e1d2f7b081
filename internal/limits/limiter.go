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

// Each script documents its KEYS, ARGV and answer in its file.
var (
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/attempt.lua
	attemptLua string

	takeScript    = redis.NewScript(takeLua)
	attemptScript = redis.NewScript(attemptLua)
)

// Use is one request that counts, of an address or of a credential.
type Use struct {
	Endpoint string // one of Endpoints
	Route    string // counted apart from others of the endpoint; may be empty
	IP       string // empty: of a credential
	Caller   string // the credential; empty: of an address
	Rate     string // the credential's own, as ParseRate reads it; empty: as configured
}

// Quota is what a caller has left.
type Quota struct {
	Rate                    // zero: there is no limit
	Remaining int           // requests that may come now
	Reset     time.Duration // until one more may
	Wait      time.Duration // until this one may; zero: it was counted
}

// Config is what a Limiter needs. Redis is required.
type Config struct {
	Redis      redis.UniversalClient
	IP         Rates // per address and endpoint
	Credential Rates // per credential and endpoint
}

// Limiter counts requests in strict sliding windows. Safe for concurrent use.
type Limiter struct{ config Config }

// New makes a Limiter.
func New(config Config) (*Limiter, error) {
	if config.Redis == nil {
		return nil, errors.New("new limiter: Redis is required")
	}
	return &Limiter{config}, nil
}

// Take counts one request, or says how long it must wait.
func (l *Limiter) Take(ctx context.Context, u Use) (Quota, error) {
	rate, who := l.config.Credential.Of(u.Endpoint), u.Caller
	if u.IP != "" {
		rate, who = l.config.IP.Of(u.Endpoint), Network(u.IP)
	}
	if u.Rate != "" {
		own, err := ParseRate(u.Rate)
		if err != nil {
			return Quota{}, fmt.Errorf("count request: %w", err)
		}
		rate = own
	}
	if rate.Limit == 0 {
		return Quota{}, nil
	}
	answer, err := takeScript.Run(ctx, l.config.Redis, []string{keyWindow(u.Endpoint, u.Route, who)}, rate.Limit, rate.Window.Microseconds()).Int64Slice()
	if err != nil {
		return Quota{}, fmt.Errorf("count request: %w", err)
	}
	return Quota{
		Rate: rate, Remaining: int(answer[0]),
		Reset: time.Duration(answer[1]) * time.Microsecond, Wait: time.Duration(answer[2]) * time.Microsecond,
	}, nil
}

// Network is the part of an address that one caller has: all of an IPv4
// address, the first 64 bits of an IPv6 one.
func Network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.Prefix(64) // of an IPv6 address: cannot fail
	return prefix.String()
}
