package consume

import (
	"context"
	_ "embed"
	"time"

	"github.com/redis/go-redis/v9"
)

// leaseTTL is how long after the loss of a worker another one consumes instead of it. It is three times checkEvery.
const leaseTTL = 15 * time.Second

// Each script documents its KEYS, ARGV and reply in its file.
var (
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/release.lua
	releaseLua string

	takeScript    = redis.NewScript(takeLua)
	releaseScript = redis.NewScript(releaseLua)
)

// lease lets one worker of the fleet consume the messages of a flow.
type lease struct {
	redis  redis.UniversalClient
	worker string
}

// take takes or renews the lease of a flow, and reports whether this worker has it.
func (l lease) take(ctx context.Context, flow int64) (bool, error) {
	return takeScript.Run(ctx, l.redis, []string{keyLease(flow)}, l.worker, leaseTTL.Milliseconds()).Bool()
}

// release gives the lease to another worker at once. If it fails, the lease ends by itself.
func (l lease) release(flow int64) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = releaseScript.Run(ctx, l.redis, []string{keyLease(flow)}, l.worker).Err()
}
