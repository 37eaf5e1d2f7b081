package tasks

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

const run = "01a22dd4-ef6c-7691-b8a0-fe860a6500df"

// served returns asynqmon over a Redis of its own with tasks of ours and of another program.
func served(t *testing.T) *UI {
	t.Helper()
	options, err := redis.ParseURL(testenv.Redis(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	enqueue := asynq.NewClientFromRedisClient(client)
	for kind, payload := range map[string]string{queue.TaskType: run, "webhook": "7/evt_1/1", "invoice": `{"card": "4111"}`} {
		if _, err := enqueue.Enqueue(asynq.NewTask(kind, []byte(payload))); err != nil {
			t.Fatal(err)
		}
	}
	ui, err := New("/console/queues", client)
	if err != nil {
		t.Fatal(err)
	}
	return ui
}

func TestPayloadsOfOthersAreNotShown(t *testing.T) {
	t.Parallel()
	ui := served(t)
	for _, acts := range []bool{false, true} {
		answer := ui.Serve(httptest.NewRequest(http.MethodGet, "/console/queues/api/queues/default/pending_tasks", nil), acts)
		var list struct {
			Tasks []struct{ Payload string }
		}
		if err := json.Unmarshal(answer.Body, &list); err != nil || answer.Status != http.StatusOK {
			t.Fatalf("%d %s: %v", answer.Status, answer.Body, err)
		}
		var shown []string
		for _, task := range list.Tasks {
			shown = append(shown, task.Payload)
		}
		slices.Sort(shown)
		want := []string{"flow 7, webhook evt_1, round 1", "payload of 16 bytes of a task that is not Penstock's: not shown", "run " + run}
		if diff := cmp.Diff(want, shown); diff != "" || strings.Contains(string(answer.Body), "4111") {
			t.Errorf("acts %t (-want +got):\n%s", acts, diff)
		}
	}
}

func TestOneWhoOnlyReadsChangesNothing(t *testing.T) {
	t.Parallel()
	ui := served(t)
	pause := func() *http.Request {
		return httptest.NewRequest(http.MethodPost, "/console/queues/api/queues/default:pause", nil)
	}
	if answer := ui.Serve(pause(), false); answer.Status != http.StatusMethodNotAllowed {
		t.Errorf("without the right: %d", answer.Status)
	}
	if answer := ui.Serve(pause(), true); answer.Status != http.StatusNoContent {
		t.Errorf("with the right: %d", answer.Status)
	}
}

func TestScriptsAreServed(t *testing.T) {
	t.Parallel()
	ui := served(t)
	if len(ui.Scripts()) != 3 {
		t.Fatalf("scripts: %v", ui.Scripts())
	}
	for _, path := range ui.Scripts() {
		answer := ui.Serve(httptest.NewRequest(http.MethodGet, path, nil), false)
		if answer.Status != http.StatusOK || !answer.Static || !strings.HasPrefix(answer.Kind, "application/javascript") || len(answer.Body) < 1000 {
			t.Errorf("%s: %d %s, %d bytes", path, answer.Status, answer.Kind, len(answer.Body))
		}
	}
	if answer := ui.Serve(httptest.NewRequest(http.MethodGet, "/console/queues/static/js/none.js", nil), false); answer.Status != http.StatusNotFound {
		t.Errorf("a file that does not exist: %d", answer.Status)
	}
	for _, path := range []string{"/console/queues", "/console/queues/servers"} {
		if answer := ui.Serve(httptest.NewRequest(http.MethodGet, path, nil), false); !answer.Page {
			t.Errorf("%s is no page: %+v", path, answer)
		}
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	differ := func(s queue.Stats) (names []string) {
		for _, f := range Figures(&s) {
			if f.Differ() {
				if f.Why == "" {
					t.Errorf("%s differs without a reason", f.Name)
				}
				names = append(names, f.Name)
			}
		}
		return names
	}
	if names := differ(queue.Stats{Pending: 3, Active: 1, Visible: 1, InLine: 4, Processed: 9, Failed: 2}); names != nil {
		t.Errorf("%v differ", names)
	}
	if diff := cmp.Diff([]string{"Pending", "Active", "Waiting"}, differ(queue.Stats{Pending: 3, Express: 1, Active: 2, Waiting: 5})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Shards(&queue.Stats{Queue: "default", Shards: 2}, []string{"default", "default~1", "webhooks"}); !slices.Equal(got, []string{"default", "default~1"}) {
		t.Errorf("shards: %v", got)
	}
	if got := Shards(&queue.Stats{Queue: "default", Shards: 1}, []string{"default", "default~1"}); got != nil {
		t.Errorf("shards of a queue that is not spread: %v", got)
	}
}
