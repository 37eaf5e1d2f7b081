// Package redisconn opens the Redis clients of a process from one URL.
package redisconn

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Conn creates clients of one Redis: a single server, one with Sentinel, or a Cluster. Safe for concurrent use.
type Conn struct {
	single   *redis.Options
	sentinel *redis.FailoverOptions
	cluster  *redis.ClusterOptions
	hooks    []redis.Hook
	pool     int // maximum connections of a client
}

// DefaultPool is the default maximum number of connections of a client. It suffices for the batches of a process with
// ten thousand runs a second, independent of the number of cores; go-redis' own default is ten for each core.
const DefaultPool = 20

// WithPool returns a Conn whose clients have at most size connections, to each primary of a Cluster. The pool_size of
// the URL takes precedence. Blocking clients have a few connections of their own.
func (c *Conn) WithPool(size int) *Conn {
	with := *c
	with.pool = size
	return &with
}

// Parse parses a Redis URL:
//
//	redis://user:password@host:6379/0, rediss:// with TLS
//	unix://user:password@/path/of/redis.sock?db=0
//	redis-sentinel://user:password@host:26379,host2:26379/mymaster/0
//	redis-cluster://user:password@host:6379,host2:6379, rediss-cluster:// with TLS
//
// Errors never contain the URL, because it may contain a password.
func Parse(raw string) (*Conn, error) {
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		return nil, fmt.Errorf("parse Redis URL: no scheme; expected redis://, rediss://, redis-sentinel:// or redis-cluster://")
	}
	switch scheme {
	case "redis", "rediss", "unix":
		if _, err := url.Parse(raw); err != nil { // its text may contain a part of the password
			return nil, fmt.Errorf("parse Redis URL: it is no URL; percent-encode special characters of user and password")
		}
		o, err := redis.ParseURL(raw)
		if err != nil {
			return nil, fmt.Errorf("parse Redis URL: %s", withoutURL(err, raw))
		}
		return &Conn{single: o}, nil
	case "redis-cluster", "rediss-cluster":
		return parseCluster(strings.TrimSuffix(scheme, "-cluster"), rest)
	case "redis-sentinel":
		return parseSentinel(rest)
	}
	return nil, fmt.Errorf("parse Redis URL: unknown scheme %q; expected redis, rediss, redis-sentinel or redis-cluster", scheme)
}

func withoutURL(err error, raw string) string {
	return strings.ReplaceAll(err.Error(), raw, "…")
}

// hosts splits "user:password@a:1,b:2/path" into its parts.
func hosts(rest string) (user *url.Userinfo, addrs []string, path string, err error) {
	rest, path, _ = strings.Cut(rest, "/")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		u, err := url.Parse("redis://" + rest[:at] + "@h")
		if err != nil {
			return nil, nil, "", fmt.Errorf("parse Redis URL: bad user or password; percent-encode special characters")
		}
		user, rest = u.User, rest[at+1:]
	}
	for _, a := range strings.Split(rest, ",") {
		if a == "" {
			return nil, nil, "", fmt.Errorf("parse Redis URL: an address is empty")
		}
		addrs = append(addrs, a)
	}
	return user, addrs, path, nil
}

// clusterReload is the age at which the slot map of a Cluster is read again while commands are sent. go-redis
// requests no new map when a primary refuses connections: with its default, a minute, all work on that primary would
// stop that long after a failover of seconds.
const clusterReload = 2 * time.Second

func parseCluster(scheme, rest string) (*Conn, error) {
	user, addrs, _, err := hosts(rest)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: scheme, User: user, Host: addrs[0]}
	q := url.Values{}
	for _, a := range addrs[1:] {
		q.Add("addr", a)
	}
	u.RawQuery = q.Encode()
	o, err := redis.ParseClusterURL(u.String())
	if err != nil {
		return nil, fmt.Errorf("parse Redis URL: %s", withoutURL(err, u.String()))
	}
	o.ClusterStateReloadInterval = clusterReload
	return &Conn{cluster: o}, nil
}

func parseSentinel(rest string) (*Conn, error) {
	user, addrs, path, err := hosts(rest)
	if err != nil {
		return nil, err
	}
	master, db, _ := strings.Cut(path, "/")
	if master == "" {
		return nil, fmt.Errorf("parse Redis URL: redis-sentinel:// needs the master's name as its path")
	}
	o := &redis.FailoverOptions{MasterName: master, SentinelAddrs: addrs}
	if user != nil {
		o.Username = user.Username()
		o.Password, _ = user.Password()
	}
	if db != "" {
		if _, err := fmt.Sscanf(db, "%d", &o.DB); err != nil {
			return nil, fmt.Errorf("parse Redis URL: database %q is not a number", db)
		}
	}
	return &Conn{sentinel: o}, nil
}

// Cluster reports whether the Redis is a Cluster, where keys of different slots are on different servers.
func (c *Conn) Cluster() bool { return c.cluster != nil }

// With returns a Conn whose clients have the hooks, except for the blocking clients, which only wait.
func (c *Conn) With(hooks ...redis.Hook) *Conn {
	with := *c
	with.hooks = append(slices.Clip(with.hooks), hooks...)
	return &with
}

// Client opens a client for commands that do not block. The client repeats commands whose reply was lost, so that
// they must be idempotent.
func (c *Conn) Client() redis.UniversalClient { return c.client(0) }

// NoRetry opens a client that repeats nothing: for callers that must know whether a command may have been executed
// before.
func (c *Conn) NoRetry() redis.UniversalClient { return c.client(-1) }

// client opens a client with the given number of retries; 0: go-redis' default.
func (c *Conn) client(retries int) redis.UniversalClient {
	client := c.open(retries)
	for _, h := range c.hooks {
		client.AddHook(h)
	}
	return client
}

// poolSize returns the maximum number of connections of a client; said is that of the URL.
func (c *Conn) poolSize(said int) int { return cmp.Or(said, c.pool, DefaultPool) }

// MaxConnections returns the maximum number of connections of one client to one server, without a pool_size in the
// URL. It includes go-redis' separate pool for pipelines.
func (c *Conn) MaxConnections() int {
	return cmp.Or(c.pool, DefaultPool) + redis.DefaultPipelinePoolSize
}

func (c *Conn) open(retries int) redis.UniversalClient {
	const minIdle = 2
	switch {
	case c.cluster != nil:
		o := *c.cluster
		o.PoolSize = c.poolSize(o.PoolSize)
		o.MinIdleConns, o.MaxRetries = minIdle, retries
		return redis.NewClusterClient(&o)
	case c.sentinel != nil:
		o := *c.sentinel
		o.PoolSize = c.poolSize(o.PoolSize)
		o.MinIdleConns, o.MaxRetries = minIdle, retries
		return redis.NewFailoverClient(&o)
	}
	o := *c.single
	o.PoolSize = c.poolSize(o.PoolSize)
	o.MinIdleConns, o.MaxRetries = minIdle, retries
	return redis.NewClient(&o)
}

// Blocking opens a client for commands that block at the server for up to block. It has a few connections of its own,
// never retries, and calls onConnect for each new connection.
func (c *Conn) Blocking(block time.Duration, onConnect func(ctx context.Context, cn *redis.Conn) error) redis.UniversalClient {
	const conns = 2
	wait := block + 3*time.Second // pipelines use the client's read timeout, not that of the command
	switch {
	case c.cluster != nil:
		o := *c.cluster
		o.ReadTimeout, o.MaxRetries, o.PoolSize, o.PipelinePoolSize, o.OnConnect = wait, -1, conns, -1, onConnect
		o.MaxRedirects = 1
		return redis.NewClusterClient(&o)
	case c.sentinel != nil:
		o := *c.sentinel
		o.ReadTimeout, o.MaxRetries, o.PoolSize, o.PipelinePoolSize, o.OnConnect = wait, -1, conns, -1, onConnect
		return redis.NewFailoverClient(&o)
	}
	o := *c.single
	o.ReadTimeout, o.MaxRetries, o.PoolSize, o.PipelinePoolSize, o.OnConnect = wait, -1, conns, -1, onConnect
	return redis.NewClient(&o)
}
