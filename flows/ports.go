package flows

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/budget"
)

// Env is what an execution may reach outside of itself. The zero Env executes pure steps; all other steps fail.
type Env struct {
	Journal Journal // nil: nothing is recorded, every effect is executed
	Trace   Tracer  // optional
	// HTTP sends the requests of http steps and must not follow redirects. Use outbound.New, which blocks private
	// networks. nil: http steps fail.
	HTTP        http.RoundTripper
	Connections Connections // nil: steps that name a connection fail
	Secrets     Secrets     // nil: steps that name a secret fail
	Scripts     Scripts     // nil: scripts are evaluated in this process, where not every endless script can be stopped
	State       State       // nil: steps that store values between runs fail
	Pace        Pacer       // nil: limit steps fail
	Flows       Flows       // nil: steps that name another flow fail
	Emit        Emitter     // nil: steps that start runs fail
	Topics      Topics      // nil: steps that publish events, or wait for them, fail
	Deliver     Deliverer   // nil: webhook steps fail
	Callbacks   Callbacks   // nil: wait_for steps fail
	Files       *blob.Store // nil: steps that read or create files fail
	// Respond answers the caller while the run goes on. Only the first answer of a run counts. nil: callers are not
	// answered early.
	Respond   func(ctx context.Context, a Response) error
	Parks     bool  // the caller of Execute resumes the run after a *Parked; false: waits block the execution
	MaxMemory int64 // bytes of items that a run may hold at once; 0: 64 MiB
	// Memory is charged for the values of the run. The caller of Execute opens and closes it. nil: an account of its
	// own, without a process limit.
	Memory *budget.Account
	Vars   map[string]any // values of the environment for the flow's vars of the same name; other names are ignored
	// VarSubstitutions replaces vars whose value is one of its keys by the value of that key, unless that is empty.
	VarSubstitutions map[string]string
	// SubstitutesIn limits VarSubstitutions to the flows for which it returns true; nil: all flows.
	SubstitutesIn func(*Flow) bool
}

// Journal records the effects of a run, so that a later attempt does not repeat them. Keys are "<step path>.<item
// index>"; inside nested steps the index is a path of indices, "3.0". Safe for concurrent use.
type Journal interface {
	// Start records that the effect is about to be executed. It returns what the journal has of it: nothing, an
	// earlier start, or its result.
	Start(ctx context.Context, key string, effect Effect) (Recorded, error)
	// Finish records the result (JSON), before the next step may read it.
	Finish(ctx context.Context, key string, result []byte) error
}

// Recorded is the journal's entry of an effect.
type Recorded struct {
	Started bool   // an earlier attempt began the effect
	Result  []byte // nil: none recorded
}

// Response is a flow's answer to its caller while the run goes on. Its JSON is part of the run's record.
type Response struct {
	Status  int               `json:"status,omitempty"`  // HTTP, 200 to 599; 0: the status for a run's output
	Headers map[string]string `json:"headers,omitempty"` // including Content-Type
	Body    []byte            `json:"body,omitempty"`    // sent as it is
	File    string            `json:"file,omitempty"`    // id of a file of the run, instead of Body
	Items   []byte            `json:"items,omitempty"`   // JSON array, instead of Body: sent like a run's output
	Bare    bool              `json:"bare,omitempty"`    // sent without the envelope of the API that was called
}

// Flows finds other flows. Safe for concurrent use.
type Flows interface {
	// Find returns the current version of a flow by its number or slug.
	// A ref is a number or slug.
	Find(ref string) (*Flow, bool)
	// Version returns one version of a flow, current or not.
	Version(ctx context.Context, number int64, version string) (*Flow, error)
}

// Emitter starts runs of other flows on behalf of one run. Safe for concurrent use.
type Emitter interface {
	// Emit accepts the run and returns its id. When the key is known, it returns the id of the first run with the
	// key.
	Emit(ctx context.Context, e Emission) (run string, err error)
}

// Emission is a run started by another run.
type Emission struct {
	Flow   string // number or slug
	Event  any
	At     time.Time     // when it starts; zero: now
	Key    string        // runs of one flow with equal keys are one run
	Window time.Duration // how long the key is stored
}

// Deliverer sends webhooks on behalf of one run, with further tries after the run has ended. Safe for concurrent use.
type Deliverer interface {
	// Deliver accepts a webhook and returns its id, and its state: "pending" for one that is to be sent. Equal keys are
	// one webhook.
	Deliver(ctx context.Context, d Delivery) (id, state string, err error)
}

// Delivery is a webhook that a run sends.
type Delivery struct {
	Key     string   // unique across runs
	URL     string   // absolute
	Secrets []string // names of the stored secrets that sign it
	// Receiver makes the secrets those of one receiver: the keys are derived from the stored secrets and this name.
	// Empty: the stored secrets are the keys.
	Receiver string
	Type     string // type of the event
	Data     []byte // JSON
}

// Callbacks creates the URLs by which an external system resumes an item of a run.
type Callbacks interface {
	// URL is valid for one call, until it expires. The call's body becomes the journaled result of the effect with
	// that key, and the run is woken. maxBody is the maximum size in bytes of a body with files; 0: it has none.
	URL(key string, expires time.Time, maxBody int64) (string, error)
}

// Connections finds the connections that steps name. Errors are shown to the caller: they name the connection, never
// its credential. Safe for concurrent use.
type Connections interface {
	// HTTP returns the connection of that name for http steps.
	HTTP(ctx context.Context, name string) (HTTPConnection, error)
	// SQL returns the connection of that name for sql steps. The caller must release it.
	SQL(ctx context.Context, name string) (*Database, error)
	// Proxy returns the connection of that name as the proxy of http steps.
	Proxy(ctx context.Context, name string) (HTTPProxy, error)
	// Mail returns the connection of that name for email steps.
	Mail(ctx context.Context, name string) (Mailer, error)
	// SFTP returns the connection of that name for sftp steps.
	SFTP(ctx context.Context, name string) (SFTPServer, error)
	// S3 returns the connection of that name for s3 steps, with a bucket; an empty one is that of the connection.
	S3(ctx context.Context, name, bucket string) (Bucket, error)
	// Client returns the client of a connection whose type is one of a module. The caller calls release at the end of its use.
	Client(ctx context.Context, name string) (client Client, release func(), err error)
}

// Secrets finds the secrets that steps name, such as the key of an hmac. Errors never contain a secret. Safe for
// concurrent use.
type Secrets interface {
	Secret(ctx context.Context, name string) (string, error)
}

// HTTPConnection is a credential for HTTP, restricted to the hosts that may receive it. The http step enforces the
// restriction, so that no connection type can forget it. A connection with a method Order() int is nearer to the network
// than those of the same request with a smaller number, or without: one that signs has 1, one with its own transport 2. Safe
// for concurrent use.
type HTTPConnection interface {
	// Allows reports whether a request to u may carry the credential.
	Allows(u *url.URL) bool
	// Transport returns base with the credential added to each request, or its own transport that presents a client
	// certificate. It is called for every request, and only for those that Allows accepts.
	Transport(base http.RoundTripper) http.RoundTripper
}

// ModelConnection is an HTTPConnection whose type may be one for the API of language models, for llm steps.
type ModelConnection interface {
	HTTPConnection
	// Model describes the API; nil: the connection is of another type.
	Model() *ModelAPI
}

// ModelAPI is the API of a provider of language models.
type ModelAPI struct {
	Shape string // ShapeOpenAI or ShapeAnthropic; empty in tests and rehearsals, whose requests have no shape of a provider
	Base  string // URL that the paths of the API continue, without a slash at its end
	// InputPrice and OutputPrice are for a million tokens, in the currency of the owner of the connection; nil: unknown.
	InputPrice, OutputPrice *float64
	LimitField              string // of ShapeOpenAI: the member that takes the most tokens of an answer
	Version                 string // of ShapeAnthropic: the header anthropic-version
}

// The shapes of requests to models.
const (
	ShapeOpenAI    = "openai"    // Chat Completions
	ShapeAnthropic = "anthropic" // Messages
)

// HTTPProxy is a proxy that http steps send their requests through. Safe for concurrent use.
type HTTPProxy interface {
	// Transport returns a transport like base that connects to the proxy only.
	Transport(base http.RoundTripper) http.RoundTripper
}

// Database is a connection for sql steps: one bounded pool, shared by all steps of the process. Users of it must not
// close it.
type Database struct {
	DB      *sql.DB
	Dialect Dialect
	// TooLarge reports whether an error means that a value or a statement exceeds the memory limit of an in-process
	// database. nil: the database has no such limit.
	TooLarge func(error) bool
	// Describe classifies an error of the driver. nil: nothing is known about errors.
	Describe func(error) SQLError
	// Semaphore bounds the number of concurrent statements of a database that computes in this process; see Acquire.
	// nil: the database computes elsewhere.
	Semaphore chan struct{}
	// OnRelease is called by Release. nil: nothing depends on the end of the use.
	OnRelease func()
}

// SQLError is what a connection knows about an error of a database.
type SQLError struct {
	State       string // SQLSTATE (ISO/IEC 9075); empty: the driver has none
	Hint        string // what the owner of the connection can do; empty: nothing
	Deadlock    bool   // rolled back because of concurrent transactions: the same statements may succeed later
	RefusedTime bool   // MySQL refused a value as a date and time
}

// Release ends the use of the database, so that the pool of a replaced connection can be closed. Calling it again has
// no effect.
func (d *Database) Release() {
	if d.OnRelease != nil {
		d.OnRelease()
	}
}

// Acquire waits for a place in the semaphore until ctx ends. leave releases it and must be called when err is nil.
func (d *Database) Acquire(ctx context.Context) (leave func(), err error) {
	if d.Semaphore == nil {
		return func() {}, nil
	}
	select {
	case d.Semaphore <- struct{}{}:
		return func() { <-d.Semaphore }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Dialect selects the syntax of placeholders and the conversion of the driver's values.
type Dialect string

const (
	Postgres  Dialect = "postgres"
	MySQL     Dialect = "mysql" // and MariaDB
	SQLServer Dialect = "sqlserver"
	SQLite    Dialect = "sqlite"
)

// Mailer sends messages. Safe for concurrent use.
type Mailer interface {
	// Send hands the message to the mail server once. The error is an *Error; its Class and Upstream say whether a
	// retry may help.
	Send(ctx context.Context, m *Mail) error
}

// Mail is a rendered message of an email step. Addresses are "a@b.org" or "Name <a@b.org>".
type Mail struct {
	ID          string // of the message, without < and domain; equal in every attempt
	From        string // empty: the connection's
	To, Cc, Bcc []string
	ReplyTo     []string
	Subject     string
	Text, HTML  string // at least one is set; with both the mail client chooses
	Headers     []MailHeader
	Attachments []Attachment
}

// MailHeader is an additional header field.
type MailHeader struct{ Name, Value string }

// Attachment is a file attached to a message.
type Attachment struct {
	Name        string
	ContentType string // empty: derived from the extension of Name
	Content     []byte
}

// RemoteFiles are the files of another system. Errors are *Error: their Class says whether a retry may help. Safe for
// concurrent use.
type RemoteFiles interface {
	// List calls each with the files of a directory, or with the objects whose keys begin with a prefix, until it returns an
	// error, which List returns. recursive: also with those in the directories below.
	List(ctx context.Context, at string, recursive bool, each func(RemoteFile) error) error
	// Open returns the bytes of a file, which the caller closes, and its description.
	Open(ctx context.Context, path string) (io.ReadCloser, RemoteFile, error)
	// Put stores a file. Readers see the old file or the whole new one.
	Put(ctx context.Context, path string, p RemotePut) error
	// Delete deletes a file. Deleting one that does not exist is no error.
	Delete(ctx context.Context, path string) error
}

// SFTPServer are the files of an SFTP server.
type SFTPServer interface {
	RemoteFiles
	// Move renames a file. A file that is gone while its target is there has been moved.
	Move(ctx context.Context, from, to string, o MoveOptions) error
}

// Bucket are the objects of a bucket of an S3-compatible store.
type Bucket interface {
	RemoteFiles
	// Copy copies an object within the store. The keys are those of from in the bucket fromBucket, and of to in this one;
	// an empty fromBucket is this one.
	Copy(ctx context.Context, fromBucket, from, to string) error
	// Presign returns a URL with which anybody may GET or PUT the object until it expires.
	Presign(ctx context.Context, method, key string, expires time.Duration) (string, error)
}

// RemoteFile describes a file of another system.
type RemoteFile struct {
	Path        string
	Size        int64 // bytes
	Modified    time.Time
	ETag        string // of an S3 store; empty: unknown
	ContentType string // as the other system says; empty: unknown
}

// RemotePut is a file for another system.
type RemotePut struct {
	Content     io.Reader
	Size        int64 // bytes of Content
	ContentType string
	// Temporary is a part of the name that the file has at an SFTP server while it is written. It is equal in every attempt,
	// so that the next one replaces what an earlier one has left.
	Temporary string
	MoveOptions
}

// MoveOptions say what happens around a file that gets its name at an SFTP server.
type MoveOptions struct {
	Keep    bool // fail if a file has the name already
	Parents bool // create the directories that are missing
}

// Scripts evaluates JavaScript in a place where an endless script can be killed. Safe for concurrent use.
type Scripts interface {
	// Eval returns the result of the script. The error is shown to the caller. What the script logged is there with an
	// error, too, except when the script had to be killed.
	Eval(ctx context.Context, s *Script) (ScriptResult, error)
}

// ScriptResult is what a script returned, and logged.
type ScriptResult struct {
	Items []byte // JSON array
	Lines []ScriptLine
}

// ScriptLine is a line that a script logged.
type ScriptLine struct {
	Level   string          `json:"level"` // debug, info, warn, error
	Message string          `json:"message,omitempty"`
	Values  json.RawMessage `json:"values,omitempty"` // a JSON array; nil: none
}

// Script is one evaluation of a script.
type Script struct {
	Code   string        `json:"code"`   // the body of a function
	Input  []byte        `json:"input"`  // JSON object: the function's arguments by name
	Mark   string        `json:"mark"`   // unguessable prefix of texts that stand for integers beyond 2^53, in the input and in the result
	Time   time.Duration `json:"time"`   // time limit
	Memory int64         `json:"memory"` // memory limit in bytes
	// Now is what the script takes for the current time, in unix milliseconds, with random numbers that are equal in every
	// evaluation. 0: it has the clock.
	Now int64 `json:"now,omitempty"`
}
