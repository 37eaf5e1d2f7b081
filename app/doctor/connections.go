package doctor

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Clients of Redis that a process has: the one that its parts share, the
// store's, and two of its queue client. A worker has another one for each queue
// that it serves, and a few connections that wait there.
const (
	processClients = 4
	queueClients   = 1
	queueWaits     = 4 // two lists, two connections each
)

// Processes are those that use a Redis.
type Processes struct {
	Doors   int
	Workers int
	Served  int // queues, or their shards, times the workers that serve them
}

// most is how many connections the processes may open to one server.
func (p Processes) most(perClient int) int {
	return (p.Doors+p.Workers)*processClients*perClient + p.Served*(queueClients*perClient+queueWaits)
}

// Connections compares what a fleet may open with what a server allows.
// perClient is how many connections one client keeps at most, doors how many
// are known to be alive: a door has no channel before its first call.
func (r *Report) Connections(ctx context.Context, client redis.UniversalClient, fleet Fleet, doors, perClient int) {
	p, err := processes(ctx, client, fleet)
	if err != nil {
		return // what is said of the fleet and of Redis says why
	}
	p.Doors = max(p.Doors, doors)
	eachServer(ctx, client, func(ctx context.Context, node redis.Cmdable) {
		info, err := node.Info(ctx, "clients").Result()
		if err != nil {
			return
		}
		facts := parseInfo(info)
		limit, _ := strconv.Atoi(facts["maxclients"])
		if limit == 0 { // Redis before 7 says it in its settings
			settings, _ := node.ConfigGet(ctx, "maxclients").Result()
			limit, _ = strconv.Atoi(settings["maxclients"])
		}
		used, _ := strconv.Atoi(facts["connected_clients"])
		r.connections(p, perClient, used, limit)
	})
}

func (r *Report) connections(p Processes, perClient, used, limit int) {
	const check = "redis connections"
	switch most := p.most(perClient); {
	case limit == 0:
		r.warn(check, "Ask who runs it for maxclients.", "%d open; how many it takes is not told", used)
	case most > limit:
		r.warn(check, "Raise maxclients, or lower --redis-pool: a connection too many is refused.",
			"%d open; %d doors and %d workers may open %d, and Redis takes %d", used, p.Doors, p.Workers, most, limit)
	default:
		r.ok(check, "%d open; %d doors and %d workers may open %d, and Redis takes %d", used, p.Doors, p.Workers, most, limit)
	}
}

// processes counts the workers, which say who they are, and the doors by the
// channels on which they wait for results.
func processes(ctx context.Context, client redis.UniversalClient, fleet Fleet) (Processes, error) {
	workers, err := fleet.Workers(ctx)
	if err != nil {
		return Processes{}, err
	}
	p := Processes{Workers: len(workers)}
	for _, w := range workers {
		p.Served += len(w.Queues)
	}
	doors := map[string]bool{}
	eachServer(ctx, client, func(ctx context.Context, node redis.Cmdable) {
		const channels = "penstock:*:reply:*"
		names, _ := node.PubSubChannels(ctx, channels).Result()
		sharded, _ := node.PubSubShardChannels(ctx, channels).Result() // of a Cluster
		for _, name := range append(names, sharded...) {
			doors[name[strings.LastIndexByte(name, ':')+1:]] = true
		}
	})
	p.Doors = len(doors)
	return p, nil
}

// eachServer calls look for each primary, one after the other.
func eachServer(ctx context.Context, client redis.UniversalClient, look func(context.Context, redis.Cmdable)) {
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		look(ctx, client)
		return
	}
	var mu sync.Mutex // the primaries are asked at once
	_ = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		look(ctx, node)
		return nil
	})
}
