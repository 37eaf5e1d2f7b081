package queue

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// TaskType is the asynq type of the tasks that carry runs. Their payload is only the
// id of the run, so that asynqmon shows no data of callers.
const TaskType = "run"

// enqueuer replaces Redis for asynq's client. asynq encodes a task, and enqueuer
// captures the message instead of storing it, so that a script can store a run
// and its task in one step.
type enqueuer struct{ redis.UniversalClient }

type captureKey struct{}

// EvalSha captures the message of asynq's enqueue script and reports success if the
// context asks for the message. All other calls go to Redis. shapeOf recognises the
// script by its KEYS and arguments.
func (e *enqueuer) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	into, wanted := ctx.Value(captureKey{}).(*[]byte)
	if !wanted || shapeOf(keys, args) != enqueueShape {
		return e.UniversalClient.EvalSha(ctx, sha, keys, args...)
	}
	*into, _ = args[0].([]byte)
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(int64(1))
	return cmd
}

// encodeTask lets asynq encode the task of one attempt.
//
// asynq's own limits are set so high that they have no effect: the engine and the
// reconciler enforce the run's deadline. When asynq recovers a task after minutes,
// its run has ended or belongs to another attempt, and the task is dropped.
func encodeTask(ctx context.Context, c *asynq.Client, queue, run, attempt string, trace map[string]string) ([]byte, error) {
	var message []byte
	ctx = context.WithValue(ctx, captureKey{}, &message)
	task := asynq.NewTaskWithHeaders(TaskType, []byte(run), trace)
	_, err := c.EnqueueContext(ctx, task, asynq.TaskID(run+"."+attempt), asynq.Queue(queue),
		asynq.MaxRetry(taskRetries), asynq.Timeout(taskTimeout))
	if err == nil && message == nil {
		err = fmt.Errorf("asynq did not use the script that we know")
	}
	if err != nil {
		return nil, fmt.Errorf("encode task: %w", err)
	}
	return message, nil
}

// taskTemplate is the encoded first task of a run with a placeholder for the run id.
// asynq's encoding costs more than all other work of a submission in the process,
// and two messages differ only in the run id.
type taskTemplate struct{ message []byte }

const placeholderRun = "00000000-0000-0000-0000-000000000000" // has the length of every run id

func newTaskTemplate(ctx context.Context, c *asynq.Client, queue string) (taskTemplate, error) {
	message, err := encodeTask(ctx, c, queue, placeholderRun, "1", nil)
	if err == nil && bytes.Count(message, []byte(placeholderRun)) != 2 { // in the id and in the payload of the task
		err = fmt.Errorf("asynq's encoding of a task is not the one that we know")
	}
	return taskTemplate{message}, err
}

// forRun returns the message of the first task of a run.
func (b taskTemplate) forRun(run string) []byte {
	return bytes.ReplaceAll(b.message, []byte(placeholderRun), []byte(run))
}

const (
	taskRetries = 25             // asynq's own retries, for a worker that cannot reach Redis
	taskTimeout = 25 * time.Hour // longer than any run
)
