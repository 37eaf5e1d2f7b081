package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows/steps"
)

func TestComposeFile(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Image       string
			Command     any
			Environment map[string]string
			Healthcheck struct{ Test []string }
			DependsOn   map[string]any `yaml:"depends_on"`
			Volumes     []string
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal(content, &compose); err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	var commands []string
	for _, c := range newRoot(command.Env{}, steps.Catalogue()).Commands() {
		commands = append(commands, c.Name())
	}
	for _, role := range []string{"api", "worker"} {
		service := compose.Services[role]
		if command, _ := service.Command.([]any); len(command) != 1 || !slices.Contains(commands, command[0].(string)) {
			t.Errorf("service %s runs %v, not a subcommand", role, service.Command)
		}
		if !strings.HasSuffix(service.Environment["PENSTOCK_REDIS_URL"], "@redis:6379/0") || service.DependsOn["redis"] == nil {
			t.Errorf("service %s does not use the Redis of the file: %+v", role, service)
		}
	}
	if test := compose.Services["api"].Healthcheck.Test; !slices.Equal(test, []string{"CMD", "/penstock", "health"}) {
		t.Errorf("the health check of api is %q", test)
	}
	if _, ok := compose.Volumes["redis"]; !ok || !slices.Contains(compose.Services["redis"].Volumes, "redis:/data") {
		t.Error("what Redis writes is not on a volume")
	}
}
