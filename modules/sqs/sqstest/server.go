// Package sqstest is a server with the part of Amazon SQS that Penstock uses, for tests: the AWS JSON protocol 1.0, signatures of version 4, visibility,
// long polls, dead letters, and the order and the deduplication of FIFO queues.
package sqstest

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"
)

// The credentials that the server accepts, and its region.
const (
	AccessKeyID     = "AKIDEXAMPLE"
	SecretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	Region          = "eu-central-1"
)

// Server is a server of a test. Safe for concurrent use.
type Server struct {
	URL string

	mu      sync.Mutex
	queues  map[string]*queue // guarded by mu, with what is in them; by name
	changed chan struct{}     // guarded by mu; closed and replaced when a message may be received
	denied  map[string]bool   // guarded by mu; operations
}

// NewServer starts a server until the end of the test.
func NewServer(t testing.TB) *Server {
	t.Helper()
	s := &Server{queues: map[string]*queue{}, changed: make(chan struct{}), denied: map[string]bool{}}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

// Settings returns the settings of a connection.
func (s *Server) Settings() map[string]string {
	return map[string]string{"region": Region, "access_key_id": AccessKeyID, "secret_access_key": SecretAccessKey, "endpoint": s.URL, "tls": "none"}
}

// CreateQueue makes a queue; a FIFO queue if its name ends in .fifo. Messages that were received more often than maxReceives go to the queue deadLetters, if it
// is not empty.
func (s *Server) CreateQueue(name, deadLetters string, maxReceives int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues[name] = &queue{name: name, deadLetters: deadLetters, maxReceives: maxReceives, sent: map[string]sent{}}
}

// SetDeadLetters changes the redrive policy of a queue; an empty name removes it.
func (s *Server) SetDeadLetters(name, deadLetters string, maxReceives int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues[name].deadLetters, s.queues[name].maxReceives = deadLetters, maxReceives
}

// Damage changes the bodies of the messages of a queue, and not their MD5.
func (s *Server) Damage(queue string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queues[queue].messages {
		m.Body += "damaged"
	}
}

// Send adds a message to a queue that is no FIFO queue.
func (s *Server) Send(queue, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.notify()
	if _, failed := s.queues[queue].send(&request{MessageBody: body}); failed != nil {
		panic("sqstest: " + failed.message)
	}
}

// Deny makes an operation fail for lack of permissions.
func (s *Server) Deny(operation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[operation] = true
}

// Bodies returns the bodies of a queue's messages that are not deleted.
func (s *Server) Bodies(queue string) (bodies []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queues[queue].messages {
		bodies = append(bodies, m.Body)
	}
	return bodies
}

// Extended returns how often the visibility of a queue's messages was extended.
func (s *Server) Extended(queue string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queues[queue].extended
}

// failure is an error of the API.
type failure struct{ code, query, message string }

// The codes of two protocols: of JSON, and of the header x-amzn-query-error, from which libraries take the older name.
var (
	noQueue = &failure{"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."}
	forged  = &failure{"SignatureDoesNotMatch", "", "The request signature we calculated does not match the signature you provided."}
)

func invalid(format string, args ...any) *failure {
	return &failure{"InvalidParameterValue", "", fmt.Sprintf(format, args...)}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	var answer any
	var failed *failure
	switch {
	case err != nil || !ok || r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("Content-Type") != "application/x-amz-json-1.0":
		failed = &failure{"InvalidAction", "", "This is no request of the AWS JSON protocol 1.0."}
	case !isSigned(r, body):
		failed = forged
	default:
		answer, failed = s.answer(r, operation, body)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if failed != nil {
		if failed.query != "" {
			w.Header().Set("X-Amzn-Query-Error", failed.query+";Sender")
		}
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"__type": "com.amazonaws.sqs#" + failed.code, "message": failed.message}
	}
	_ = json.NewEncoder(w).Encode(answer) // the client may have gone
}

func (s *Server) answer(r *http.Request, operation string, body []byte) (any, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.denied[operation] {
		return nil, &failure{"AccessDeniedException", "", "User is not authorized to perform: sqs:" + operation}
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("%v", err)
	}
	switch operation {
	case "ListQueues":
		return map[string]any{}, nil
	case "GetQueueUrl":
		if s.queues[in.QueueName] == nil {
			return nil, noQueue
		}
		return map[string]any{"QueueUrl": s.URL + "/123456789012/" + in.QueueName}, nil
	}
	q := s.queues[path.Base(in.QueueURL)]
	if q == nil {
		return nil, noQueue
	}
	switch operation {
	case "GetQueueAttributes":
		return map[string]any{"Attributes": q.attributes()}, nil
	case "SendMessage":
		defer s.notify()
		return q.send(&in)
	case "ReceiveMessage":
		return s.receive(r, q, &in), nil
	case "DeleteMessageBatch":
		defer s.notify() // a FIFO queue delivers the next of the group
		return q.settle(in.Entries, func(m *message, _ int) { q.delete(m) })
	case "ChangeMessageVisibilityBatch":
		defer s.notify()
		return q.settle(in.Entries, q.setVisible)
	}
	return nil, invalid("the operation %s is none of this server", operation)
}

// receive waits for messages; s.mu is held except while it waits.
func (s *Server) receive(r *http.Request, q *queue, in *request) any {
	deadline := time.Now().Add(time.Duration(in.WaitTimeSeconds) * time.Second)
	for {
		got, next := q.receive(in, s.queues)
		if len(got) > 0 || !time.Now().Before(deadline) {
			return map[string]any{"Messages": got}
		}
		changed := s.changed
		s.mu.Unlock()
		timer := time.NewTimer(min(time.Until(deadline), next))
		select {
		case <-changed:
		case <-timer.C:
		case <-r.Context().Done():
			deadline = time.Time{}
		}
		timer.Stop()
		s.mu.Lock()
		if r.Context().Err() != nil {
			return map[string]any{} // nobody would get the messages
		}
	}
}

// notify wakes those who wait for messages. s.mu must be held.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func digest(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}
