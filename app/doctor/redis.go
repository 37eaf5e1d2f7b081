package doctor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/redisconn"
)

const (
	minMajor = 6 // 6.2 introduced BLMOVE
	minMinor = 2
	slowPing = 2 * time.Millisecond  // a run makes about four round trips to Redis
	badPing  = 25 * time.Millisecond // from here on runs are noticeably slower
	skewWarn = time.Second
	skewFail = 30 * time.Second // signatures and limits are wrong
)

// Redis checks every primary of a Redis.
func (r *Report) Redis(ctx context.Context, conn *redisconn.Conn) {
	if err := conn.Ping(ctx); err != nil {
		r.fail("redis", "Check the URL, the password and the network; redis-cli -u URL ping must answer PONG.", "does not answer: %v", err)
		return
	}
	client := conn.Client()
	defer client.Close()
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		r.server(ctx, client, "redis")
		return
	}
	var mu sync.Mutex // the nodes are queried concurrently
	if err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		one := Report{}
		one.server(ctx, node, "redis "+node.Options().Addr)
		mu.Lock()
		defer mu.Unlock()
		r.Findings = append(r.Findings, one.Findings...)
		return nil
	}); err != nil {
		r.fail("redis", "redis-cli --cluster check ADDRESS says which node is missing.", "a primary of the Cluster does not answer: %v", err)
	}
	r.state(ctx, cluster)
}

// state checks a Cluster as a whole.
func (r *Report) state(ctx context.Context, cluster *redis.ClusterClient) {
	info, err := cluster.ClusterInfo(ctx).Result()
	if err != nil || !strings.Contains(info, "cluster_state:ok") {
		r.fail("redis cluster", "redis-cli --cluster check ADDRESS shows the slots without a primary.", "its state is not ok")
		return
	}
	r.ok("redis cluster", "all slots are served")
}

// server checks one Redis server.
func (r *Report) server(ctx context.Context, client redis.Cmdable, name string) {
	info, err := client.Info(ctx).Result()
	if err != nil {
		r.fail(name, "The user needs the command INFO: +info.", "does not say how it is: %v", err)
		return
	}
	facts := parseInfo(info)
	r.version(name, facts)
	r.role(name, facts)
	r.eviction(name, facts)
	r.persistence(ctx, client, name, facts)
	unlessDone(ctx, func(ctx context.Context) { r.scripts(ctx, client, name) })
	unlessDone(ctx, func(ctx context.Context) { r.latency(ctx, client, name) })
	unlessDone(ctx, func(ctx context.Context) { r.clock(ctx, client, name) })
}

func parseInfo(text string) map[string]string {
	facts := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			facts[name] = value
		}
	}
	return facts
}

func (r *Report) version(name string, facts map[string]string) {
	version := facts["redis_version"]
	parts := strings.SplitN(version+".0.0", ".", 3)
	major, _ := strconv.Atoi(parts[0])
	minor, _ := strconv.Atoi(parts[1])
	if major < minMajor || major == minMajor && minor < minMinor {
		r.fail(name+" version", "Upgrade: workers wait with BLMOVE, which came with 6.2.", "%s is too old", version)
		return
	}
	r.ok(name+" version", "%s", version)
}

func (r *Report) role(name string, facts map[string]string) {
	if facts["role"] != "master" {
		r.fail(name+" role", "Name the primary, or use redis-sentinel:// or redis-cluster://, which follow it.", "it is a replica: it cannot be written to")
	}
}

// eviction checks that Redis rejects writes instead of deleting keys.
func (r *Report) eviction(name string, facts map[string]string) {
	limit, _ := strconv.ParseInt(facts["maxmemory"], 10, 64)
	used, _ := strconv.ParseInt(facts["used_memory"], 10, 64)
	policy := facts["maxmemory_policy"]
	check := name + " memory"
	switch {
	case limit > 0 && policy != "noeviction":
		r.fail(check, "CONFIG SET maxmemory-policy noeviction, and in redis.conf: Redis must refuse writes, not evict runs.", "maxmemory-policy is %s", policy)
	case limit == 0:
		r.warn(check, "Set maxmemory below the machine's memory: then new runs are refused with 503 before the kernel kills Redis.", "maxmemory is not set; %s used", megabytes(used))
	case float64(used) > .8*float64(limit):
		r.warn(check, "Raise maxmemory, or shorten --retention: at 90 % new runs are refused.", "%s of %s used", megabytes(used), megabytes(limit))
	default:
		r.ok(check, "%s of %s used, noeviction", megabytes(used), megabytes(limit))
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", n>>20) }

// persistence checks what an accepted run survives.
func (r *Report) persistence(ctx context.Context, client redis.Cmdable, name string, facts map[string]string) {
	check := name + " persistence"
	if facts["aof_enabled"] != "1" {
		r.fail(check, "CONFIG SET appendonly yes, and in redis.conf: without it accepted runs die with Redis.", "appendonly is off")
		return
	}
	if facts["aof_last_write_status"] == "err" {
		r.fail(check, "The disk is full or broken: Redis' log says which.", "the last write to the append-only file failed")
		return
	}
	how, err := client.ConfigGet(ctx, "appendfsync").Result()
	switch sync := how["appendfsync"]; {
	case err != nil || sync == "":
		r.warn(check, "Ask its operator for appendfsync: always loses no accepted run, everysec those of a second at a power failure.", "appendonly is on; appendfsync cannot be read")
	case sync == "always":
		r.ok(check, "appendonly, synced always")
	case sync == "everysec":
		r.warn(check, "Choose: appendfsync always loses nothing that was accepted, and is slower without a fast disk.", "synced every second: a power failure may lose the last one")
	default:
		r.fail(check, "CONFIG SET appendfsync always (or everysec).", "appendfsync is %s: a power failure may lose half a minute", sync)
	}
}

func (r *Report) scripts(ctx context.Context, client redis.Cmdable, name string) {
	if err := client.Eval(ctx, "return redis.call('TIME')[1]", []string{"penstock:doctor"}).Err(); err != nil {
		r.fail(name+" scripts", "The user needs the rights ~penstock:* ~asynq:* &* +@all (ACL SETUSER).", "a script was refused: %v", err)
	}
}

// latency uses the median, because a single slow reply means nothing.
func (r *Report) latency(ctx context.Context, client redis.Cmdable, name string) {
	const pings = 31
	took := make([]time.Duration, 0, pings)
	for range pings {
		begun := time.Now()
		if client.Ping(ctx).Err() != nil {
			continue
		}
		took = append(took, time.Since(begun))
	}
	if len(took) == 0 {
		r.fail(name+" latency", "It answered a moment ago: look at its log.", "no PING was answered")
		return
	}
	slices.Sort(took)
	median, check := took[len(took)/2], name+" latency"
	found := fmt.Sprintf("%v in the middle, %v at worst", median.Round(10*time.Microsecond), took[len(took)-1].Round(10*time.Microsecond))
	switch {
	case median > badPing:
		r.fail(check, "Put it into the same network as the workers; redis-cli --intrinsic-latency and SLOWLOG tell whether it is the machine.", "%s", found)
	case median > slowPing:
		r.warn(check, "A run crosses to Redis about four times: nearer is faster.", "%s", found)
	default:
		r.ok(check, "%s", found)
	}
}

// clock compares Redis' clock with the local one at the middle of the round trip.
func (r *Report) clock(ctx context.Context, client redis.Cmdable, name string) {
	begun := time.Now()
	theirs, err := client.Time(ctx).Result()
	if err != nil {
		r.warn(name+" clock", "The user needs the command TIME.", "cannot be read: %v", err)
		return
	}
	r.skew(name+" clock", theirs.Sub(begun.Add(time.Since(begun)/2)))
}

func (r *Report) skew(check string, off time.Duration) {
	const advice = "Let chrony or systemd-timesyncd set the clocks of all machines."
	switch apart := off.Abs(); {
	case apart > skewFail:
		r.fail(check, advice, "%v off: signatures are refused and limits are wrong", off.Round(time.Second))
	case apart > skewWarn:
		r.warn(check, advice, "%v off", off.Round(100*time.Millisecond))
	default:
		r.ok(check, "%v off", off.Round(time.Millisecond))
	}
}
