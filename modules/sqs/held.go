package sqs

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/penstock/penstock/connect"
)

// held are the messages that this consumer has received and that are not done. It keeps them invisible, deletes those that are
// done, and makes those visible that others are to receive. Messages are named by their receipt handles.
type held struct {
	client     *client
	url        string
	visibility time.Duration
	fail       func(error) // ends the consumer

	mu       sync.Mutex
	open     map[string]bool // guarded by mu
	done     []string        // guarded by mu; to delete
	rejected []string        // guarded by mu; to make visible if the queue has dead letters, otherwise to delete
	release  []string        // guarded by mu; to make visible
	changed  chan struct{}   // has one value when done or rejected has one
	ctx      context.Context // ends with close
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// closeLimit is how long requests take that are made when a consumer ends.
const closeLimit = 5 * time.Second

func keepHeld(c *client, url string, visibility time.Duration, fail func(error)) *held {
	h := &held{client: c, url: url, visibility: visibility, fail: fail, open: map[string]bool{}, changed: make(chan struct{}, 1)}
	h.ctx, h.stop = context.WithCancel(context.Background())
	h.running.Go(h.extend)
	h.running.Go(h.settleAll)
	return h
}

func (h *held) add(messages []types.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range messages {
		h.open[*m.ReceiptHandle] = true
	}
}

// settle says that a message is done. A rejected one becomes visible again if it may so become a dead letter.
func (h *held) settle(receipt string, failed error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, receipt)
	if failed != nil {
		h.rejected = append(h.rejected, receipt)
	} else {
		h.done = append(h.done, receipt)
	}
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// extend keeps messages invisible.
func (h *held) extend() {
	tick := time.NewTicker(h.visibility / 3)
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
		}
		h.mu.Lock()
		var open []string
		for receipt := range h.open {
			open = append(open, receipt)
		}
		h.mu.Unlock()
		h.report(h.setVisibility(h.ctx, open, h.visibility))
	}
}

// settleAll deletes and releases messages, as many with a request as have become done during the one before.
func (h *held) settleAll() {
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.changed:
			h.report(h.flush(h.ctx))
		}
	}
}

// report ends the consumer after an error.
func (h *held) report(err error) {
	if err != nil && h.ctx.Err() == nil {
		h.fail(h.client.failure(err))
	}
}

// close sends what is left, and gives messages that are not done to other consumers. What gets lost of it becomes visible in time.
func (h *held) close() {
	h.mu.Lock()
	for receipt := range h.open {
		h.release = append(h.release, receipt)
	}
	h.open = map[string]bool{}
	h.mu.Unlock()
	h.stop()
	h.running.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	_ = h.flush(ctx)
}

// flush deletes and releases what is to be.
func (h *held) flush(ctx context.Context) error {
	h.mu.Lock()
	done, rejected, release := h.done, h.rejected, h.release
	h.done, h.rejected, h.release = nil, nil, nil
	h.mu.Unlock()
	if len(rejected) > 0 { // the queue may have got, or lost, a redrive policy since
		deadLetters, err := h.client.hasDeadLetters(ctx, h.url)
		if err != nil {
			h.putBack(done, rejected, release)
			return err
		}
		if deadLetters {
			release = append(release, rejected...)
		} else {
			done = append(done, rejected...)
		}
	}
	if err := h.delete(ctx, done); err != nil {
		h.putBack(done, nil, release)
		return err
	}
	if err := h.setVisibility(ctx, release, 0); err != nil {
		h.putBack(nil, nil, release)
		return err
	}
	return nil
}

// putBack keeps what a request has not done for the last flush.
func (h *held) putBack(done, rejected, release []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done, h.rejected, h.release = append(h.done, done...), append(h.rejected, rejected...), append(h.release, release...)
}

func (h *held) delete(ctx context.Context, receipts []string) error {
	for batch := range slices.Chunk(receipts, maxBatch) {
		request := &sqs.DeleteMessageBatchInput{QueueUrl: &h.url}
		for i := range batch {
			request.Entries = append(request.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &batch[i]})
		}
		answer, err := h.client.api.DeleteMessageBatch(ctx, request)
		if err != nil {
			return err
		}
		for _, f := range answer.Failed {
			// A receipt that has expired: the message was received again, and is known.
			if code := aws.ToString(f.Code); code != "ReceiptHandleIsInvalid" {
				return connect.Failure(h.client.name, "the server answers %s: %s", code, aws.ToString(f.Message))
			}
		}
	}
	return nil
}

// setVisibility makes messages invisible for a time; 0: visible. A message for which that fails is visible already.
func (h *held) setVisibility(ctx context.Context, receipts []string, d time.Duration) error {
	for batch := range slices.Chunk(receipts, maxBatch) {
		request := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &h.url}
		for i := range batch {
			request.Entries = append(request.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &batch[i], VisibilityTimeout: int32(d / time.Second),
			})
		}
		if _, err := h.client.api.ChangeMessageVisibilityBatch(ctx, request); err != nil {
			return err
		}
	}
	return nil
}
