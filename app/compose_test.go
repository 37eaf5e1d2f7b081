package app

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// composeService contains the checked settings of a service.
type composeService struct {
	Environment map[string]string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	MemLimit    string   `yaml:"mem_limit"`
	Profiles    []string
	Healthcheck struct{ Test []string }
}

func composeServices(t *testing.T) map[string]composeService {
	t.Helper()
	content, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct{ Services map[string]composeService }
	if err := yaml.Unmarshal(content, &compose); err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	return compose.Services
}

func TestEveryServiceOfComposeIsHeldIn(t *testing.T) {
	t.Parallel()
	services := composeServices(t)
	for name, s := range services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) || s.MemLimit == "" {
			t.Errorf("service %s may do too much: %+v", name, s)
		}
	}
	for _, name := range []string{"prometheus", "alertmanager", "grafana", "asynqmon"} {
		if !slices.Equal(services[name].Profiles, []string{"monitor"}) {
			t.Errorf("service %s is in the profiles %q", name, services[name].Profiles)
		}
	}
}

// Make-env writes every variable that the file requires.
func TestMakeEnvFitsTheComposeFile(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "sh", "../deploy/make-env").Output()
	if err != nil {
		t.Fatalf("deploy/make-env: %v", err)
	}
	made := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			made[name] = value
		}
	}
	content, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(content), "${")[1:] {
		name, _, required := strings.Cut(part[:strings.IndexByte(part, '}')], ":?")
		if required && len(made[name]) < 5 {
			t.Errorf("docker-compose.yml wants %s, and deploy/make-env writes %q", name, made[name])
		}
	}
	for _, name := range []string{"PENSTOCK_ADMIN_PASSWORD", "PENSTOCK_ISSUER"} {
		if composeServices(t)["api"].Environment[name] == "" {
			t.Errorf("the door has no %s", name)
		}
	}
}

// A Redis that reads its file answers -LOADING, and redis-cli ends with 0: the
// check of docker-compose.yml must not take that for health.
func TestARedisThatIsLoadingIsNotHealthy(t *testing.T) {
	t.Parallel()
	const keys = 2000
	full := testenv.Redis(t)
	client := full.Client()
	_, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range keys {
			p.Set(t.Context(), fmt.Sprint("key", i), strings.Repeat("x", 100), 0)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	full.Kill()
	_, port, _ := strings.Cut(full.Addr, ":")
	// It takes a millisecond for each key and answers every ten keys.
	server := testenv.Start(t, "redis-server", "/bin/sh", nil, "-c",
		"exec redis-server --port "+port+" --bind 127.0.0.1 --dir "+full.Dir+" --save '' --requirepass pw "+
			"--key-load-delay 1000 --loading-process-events-interval-bytes 1024")
	test := composeServices(t)["redis"].Healthcheck.Test
	if len(test) != 2 || test[0] != "CMD-SHELL" {
		t.Fatalf("the health check of redis is %q", test)
	}
	script := strings.Replace(test[1], "redis-cli", "redis-cli -p "+port, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for loading := 0; ; {
		answer, _ := shell(ctx, "redis-cli -p "+port+" ping")
		_, unhealthy := shell(ctx, script)
		switch after, _ := shell(ctx, "redis-cli -p "+port+" ping"); {
		case ctx.Err() != nil:
			t.Fatalf("redis-server does not come up; it said:\n%s", server.Log())
		case strings.HasPrefix(answer, "LOADING") && strings.HasPrefix(after, "LOADING"):
			if loading++; unhealthy == nil {
				t.Fatal("a Redis that is loading counts as healthy")
			}
		case answer == "PONG\n":
			if unhealthy != nil || loading == 0 {
				t.Fatalf("a Redis that answers is unhealthy: %v; seen loading %d times", unhealthy, loading)
			}
			return
		}
	}
}

func shell(ctx context.Context, script string) (string, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Env = append(os.Environ(), "REDISCLI_AUTH=pw")
	out, err := cmd.Output()
	return string(out), err
}
