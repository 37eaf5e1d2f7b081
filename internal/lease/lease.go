// Package lease lets one process of a fleet do something at a time.
package lease

import (
	"context"
	_ "embed"
	"time"

	"github.com/redis/go-redis/v9"
)

// Each script documents its KEYS, ARGV and reply in its file.
var (
	//go:embed take.lua
	takeLua string
	//go:embed release.lua
	releaseLua string

	takeScript    = redis.NewScript(takeLua)
	releaseScript = redis.NewScript(releaseLua)
)

// Lease is what one process has until TTL after it took or renewed it. All fields are required. A process that is stopped for
// longer, and goes on, does not know that another one has the lease.
type Lease struct {
	Redis  redis.UniversalClient
	Key    string // a STRING, the holder; of this lease alone
	Holder string // the process, unique in the fleet
	TTL    time.Duration
}

// Take takes or renews the lease, and reports whether this process has it.
func (l Lease) Take(ctx context.Context) (bool, error) {
	return takeScript.Run(ctx, l.Redis, []string{l.Key}, l.Holder, l.TTL.Milliseconds()).Bool()
}

// Release gives the lease to another process at once, if this one has it. If it fails, the lease ends by itself.
func (l Lease) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = releaseScript.Run(ctx, l.Redis, []string{l.Key}, l.Holder).Err()
}
