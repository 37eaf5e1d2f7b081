package doctor

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Redis clients of one process: the shared one, that of the store, and two of the queue client. A worker has another client
// and a few blocking connections for each queue that it serves.
const (
	processClients = 4
	queueClients   = 1
	queueWaits     = 4 // two lists, two connections each
)

// Processes counts the processes that use a Redis.
type Processes struct {
	APIs    int
	Workers int
	Served  int // queues, or their shards, times the workers that serve them
}

// maxConnections returns the maximum number of connections of the processes to one server.
func (p Processes) maxConnections(perClient int) int {
	return (p.APIs+p.Workers)*processClients*perClient + p.Served*(queueClients*perClient+queueWaits)
}

// Connections compares the connections that a fleet may open with the limit of the server. perClient is the maximum
// of one client. apis is the number of API processes known to be alive: such a process has no channel before its
// first call.
func (r *Report) Connections(ctx context.Context, client redis.UniversalClient, fleet Fleet, apis, perClient int) {
	p, err := processes(ctx, client, fleet)
	if err != nil {
		return // the findings about the fleet and Redis give the reason
	}
	p.APIs = max(p.APIs, apis)
	eachServer(ctx, client, func(ctx context.Context, node redis.Cmdable) {
		info, err := node.Info(ctx, "clients").Result()
		if err != nil {
			return
		}
		facts := parseInfo(info)
		limit, _ := strconv.Atoi(facts["maxclients"])
		if limit == 0 { // Redis before version 7 has it in its settings only
			settings, _ := node.ConfigGet(ctx, "maxclients").Result()
			limit, _ = strconv.Atoi(settings["maxclients"])
		}
		used, _ := strconv.Atoi(facts["connected_clients"])
		r.connections(p, perClient, used, limit)
	})
}

func (r *Report) connections(p Processes, perClient, used, limit int) {
	const check = "redis connections"
	switch most := p.maxConnections(perClient); {
	case limit == 0:
		r.warn(check, "Ask its operator for maxclients.", "%d open; maxclients cannot be read", used)
	case most > limit:
		r.warn(check, "Raise maxclients, or lower --redis-pool: a connection too many is refused.",
			"%d open; %d API processes and %d workers may open %d, and Redis accepts %d", used, p.APIs, p.Workers, most, limit)
	default:
		r.ok(check, "%d open; %d API processes and %d workers may open %d, and Redis accepts %d", used, p.APIs, p.Workers, most, limit)
	}
}

// processes counts the workers, which are registered, and the API processes by the channels on which they wait for
// results.
func processes(ctx context.Context, client redis.UniversalClient, fleet Fleet) (Processes, error) {
	workers, err := fleet.Workers(ctx)
	if err != nil {
		return Processes{}, err
	}
	p := Processes{Workers: len(workers)}
	for _, w := range workers {
		p.Served += len(w.Queues)
	}
	apis := map[string]bool{}
	eachServer(ctx, client, func(ctx context.Context, node redis.Cmdable) {
		const channels = "penstock:*:reply:*"
		names, _ := node.PubSubChannels(ctx, channels).Result()
		sharded, _ := node.PubSubShardChannels(ctx, channels).Result() // channels of a Cluster
		for _, name := range append(names, sharded...) {
			apis[name[strings.LastIndexByte(name, ':')+1:]] = true
		}
	})
	p.APIs = len(apis)
	return p, nil
}

// eachServer calls look for each primary, one after the other.
func eachServer(ctx context.Context, client redis.UniversalClient, look func(context.Context, redis.Cmdable)) {
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		look(ctx, client)
		return
	}
	var mu sync.Mutex // the primaries are queried concurrently
	_ = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		look(ctx, node)
		return nil
	})
}
