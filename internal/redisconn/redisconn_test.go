package redisconn

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := Parse("redis-sentinel://u:p%40ss@a:26379,b:26379/mymaster/3")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a:26379", "b:26379"}, c.sentinel.SentinelAddrs); diff != "" {
		t.Error(diff)
	}
	if c.sentinel.Password != "p@ss" || c.sentinel.MasterName != "mymaster" || c.sentinel.DB != 3 {
		t.Errorf("sentinel options: %+v", c.sentinel)
	}
	c, err = Parse("redis-cluster://:secret@a:1,b:2,c:3")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a:1", "b:2", "c:3"}, c.cluster.Addrs); diff != "" || c.cluster.Password != "secret" {
		t.Errorf("cluster addresses %s, password %q", diff, c.cluster.Password)
	}
	if c, err = Parse("redis://localhost:7000/2"); err != nil || c.single.DB != 2 || c.Cluster() {
		t.Errorf("single: %+v, %v", c, err)
	}
}

func TestParseNeverRepeatsThePassword(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"hunter2", "http://u:hunter2@h", "redis://u:hunter2@h:port/0", "redis://u:hunter2@h/x",
		"redis://u:hunter2#1@h", "rediss://u:hunter2/1@h", "redis://u:hunter2?@h",
		"redis-sentinel://u:hunter2@a:1", "redis-sentinel://u:hunter2@a:1/m/x", "redis-cluster://u:hunter2@a:1,,b",
	} {
		_, err := Parse(raw)
		if err == nil {
			t.Errorf("%s: accepted", raw)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error repeats the password: %v", raw, err)
		}
	}
}

// With go-redis' own interval, a minute, a failover would stop all work for that long.
func TestAClusterIsLookedAtOften(t *testing.T) {
	t.Parallel()
	c, err := Parse("redis-cluster://a:1,b:2")
	if err != nil {
		t.Fatal(err)
	}
	if c.cluster.ClusterStateReloadInterval != clusterReload {
		t.Errorf("the map of slots is read every %v", c.cluster.ClusterStateReloadInterval)
	}
}
