package queue

import (
	"testing"

	"github.com/hibiken/asynq"

	"github.com/penstock/penstock/internal/testenv"
)

func TestATaskTemplateIsAsAsynqEncodesIt(t *testing.T) {
	t.Parallel()
	client := asynq.NewClientFromRedisClient(&enqueuer{testenv.Redis(t).Client()})
	b, err := newTaskTemplate(t.Context(), client, "a-queue~3")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		id := NewRunID("a-queue~3")
		want, err := encodeTask(t.Context(), client, "a-queue~3", id, "1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.forRun(id); string(got) != string(want) {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}
