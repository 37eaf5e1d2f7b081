package queue

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// TaskType is the asynq type of the tasks that carry runs. Their payload is
// the run's id and nothing else: what asynqmon shows holds no data of anybody.
const TaskType = "run"

// enqueuer is given to asynq's client in the place of Redis. asynq composes
// and encodes a task; what it would then store is captured, so that our
// scripts can store the run and its task in one step.
type enqueuer struct{ redis.UniversalClient }

type captureKey struct{}

// EvalSha answers asynq's enqueue script with success when the context wants
// the message; all else goes to Redis. The script is told by its KEYS (task,
// pending) and its three arguments (message, id, time).
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

// encodeTask has asynq encode the task of one attempt.
//
// asynq's own limits stay out of the way: the run's deadline is kept by the
// engine and the reconciler, and a task that asynq recovers after minutes
// finds its run ended or begun by another attempt.
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

// blank is the first task of a run that is still to be named. asynq's encoding
// costs more than all else that a submission does in its process, and all that
// differs between two of them is the run's id.
type taskTemplate struct{ message []byte }

const placeholderRun = "00000000-0000-0000-0000-000000000000" // as long as every run's id

func newTaskTemplate(ctx context.Context, c *asynq.Client, queue string) (taskTemplate, error) {
	message, err := encodeTask(ctx, c, queue, placeholderRun, "1", nil)
	if err == nil && bytes.Count(message, []byte(placeholderRun)) != 2 { // the task's id, and its payload
		err = fmt.Errorf("asynq's encoding of a task is not the one that we know")
	}
	return taskTemplate{message}, err
}

// of returns the message of a run's first task.
func (b taskTemplate) forRun(run string) []byte {
	return bytes.ReplaceAll(b.message, []byte(placeholderRun), []byte(run))
}

const (
	taskRetries = 25             // of asynq's own, when a worker cannot reach Redis at all
	taskTimeout = 25 * time.Hour // longer than any run
)
