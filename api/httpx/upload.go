package httpx

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/fault"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/payload"
)

const (
	// uploadStep is the number of bytes of a large body that must arrive within uploadPause.
	uploadStep  = 256 << 10
	uploadPause = 20 * time.Second
	// uploadLimit is the time for a whole body with files. It is below blob.Grace.
	uploadLimit = time.Hour
	// storeLimit is how long the store of files may take for one piece of a body.
	storeLimit = 15 * time.Second
	// uploadMemory is what a body that is being stored needs in bytes, besides what is read of it as an event.
	uploadMemory = 1 << 20
)

// BodyRule says how the flow of a request reads bodies.
type BodyRule struct {
	Form    payload.Form // empty: by the content type
	MaxBody int64        // maximum size in bytes of a body with files; 0: files are part of the event
	Owner   string       // id of the run that files are stored for; required with MaxBody
}

// DecodeFiles is DecodeEvent for a flow that takes files. They are stored while they arrive, and the event describes them.
// A body that is no form, and larger than the bodies that become events, is a file as a whole. KeepFiles must be called when
// the run has been accepted.
func DecodeFiles(c *gin.Context, rule BodyRule) ([]byte, error) {
	x := StateOf(c)
	if rule.MaxBody == 0 || x.frame.Files == nil {
		return DecodeEvent(c, rule.Form)
	}
	types := c.Request.Header["Content-Type"]
	if len(types) > 1 {
		return DecodeEvent(c, rule.Form) // which refuses it
	}
	contentType := strings.Join(types, "")
	isForm := payload.IsMultipart(rule.Form, contentType)
	fits := c.Request.ContentLength >= 0 && c.Request.ContentLength <= x.frame.MaxBody
	if !isForm && rule.Form != payload.File && (fits || x.bodyRead) {
		return DecodeEvent(c, rule.Form)
	}
	if c.Request.ContentLength > rule.MaxBody && !x.bodyRead { // else --max-body was the limit
		return nil, &http.MaxBytesError{Limit: rule.MaxBody}
	}
	if err := checkMedia(rule.Form, contentType); err != nil {
		return nil, err
	}
	if err := checkOrigin(c); err != nil {
		return nil, err
	}
	leave, err := x.beginUpload(c.ClientIP())
	if err != nil {
		return nil, err
	}
	defer leave()
	u, err := x.newUpload(c, rule, contentType)
	if err != nil {
		return nil, err
	}
	defer u.stop()
	if isForm {
		return u.form()
	}
	return u.whole(c)
}

// beginUpload takes one of the places for bodies that are being stored; leave gives it back.
func (x *State) beginUpload(ip string) (leave func(), err error) {
	if !x.frame.Memory.Admit(uploadMemory) {
		return nil, fault.ErrNoMemory
	}
	x.reserved += uploadMemory
	network := limits.Network(ip)
	if !x.frame.Uploads.enter(network) {
		return nil, &Fault{Status: http.StatusServiceUnavailable, Code: "overloaded", Message: "too many files arrive at once; try again later", Retry: 2 * time.Second}
	}
	return func() { x.frame.Uploads.leave(network) }, nil
}

// upload stores the files of one body.
type upload struct {
	x           *State
	rule        BodyRule
	contentType string
	ctx         context.Context // ends when the store takes too long
	stop        func()
	body        *bufio.Reader
	from        *uploadReader
}

// newUpload prepares the body: as it arrives or, if it is in memory or compressed, as it is there.
func (x *State) newUpload(c *gin.Context, rule BodyRule, contentType string) (*upload, error) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), uploadLimit)
	ctx, abort := context.WithCancelCause(ctx)
	u := &upload{x: x, rule: rule, contentType: contentType, ctx: ctx, stop: func() { abort(nil); cancel() }}
	u.from = &uploadReader{c: c, slow: time.AfterFunc(storeLimit, func() { abort(errStoreSlow) })}
	u.stop = func() { u.from.slow.Stop(); abort(nil); cancel() }
	if x.bodyRead || c.Request.Header["Content-Encoding"] != nil {
		body, err := ReadBody(c)
		if err == nil {
			body, err = unpackBody(x, c.Request.Header, body)
		}
		if err != nil {
			u.stop()
			return nil, err
		}
		u.from.body = bytes.NewReader(body)
	} else {
		u.from.body = http.NoBody
		if x.rawBody != nil {
			u.from.body = http.MaxBytesReader(c.Writer, x.rawBody, rule.MaxBody)
		}
	}
	u.body = bufio.NewReaderSize(u.from, 32<<10)
	return u, nil
}

// form reads a form whose files are stored.
func (u *upload) form() ([]byte, error) {
	if _, err := u.body.Peek(1); err == io.EOF {
		return nil, nil
	}
	event, err := u.x.decodeStream(u.ctx, u.contentType, u.body, func(name, contentType string, content io.Reader) (any, error) {
		return u.save(name, contentType, content)
	})
	if failed := u.failure(err); err != nil && failed != nil {
		return nil, failed
	}
	return event, eventFault(err)
}

// whole reads a body that is no form: as an event if it is small enough, else as a file.
func (u *upload) whole(c *gin.Context) ([]byte, error) {
	if _, err := u.body.Peek(1); err == io.EOF {
		return nil, nil
	}
	var start []byte
	if u.rule.Form != payload.File {
		text, ended, err := readUpTo(u.body, u.x, -1, u.x.frame.MaxBody)
		if err != nil {
			return nil, err
		}
		if ended {
			u.x.body, u.x.bodyRead = text, true
			return DecodeEvent(c, u.rule.Form)
		}
		start = text
	}
	value, err := u.save("", u.contentType, io.MultiReader(bytes.NewReader(start), u.body))
	if err != nil {
		if failed := u.failure(err); failed != nil {
			return nil, failed
		}
		return nil, err
	}
	return flows.EncodeJSON(value), nil
}

// save stores one file and returns its value. The error of the store is a storeError, others are those of content.
func (u *upload) save(name, contentType string, content io.Reader) (any, error) {
	noted := &notedReader{content: content}
	info, err := u.x.store(u.ctx, u.rule.Owner, 0, noted)
	if noted.err != nil {
		return nil, noted.err
	}
	if err != nil {
		return nil, &storeError{err}
	}
	return flows.NewFile(info, name, contentType).Value(), nil
}

// failure is why a body with the error err was not received: it could not be read, or not be stored; nil: the mistake is in
// it.
func (u *upload) failure(err error) error {
	if u.from.err != nil {
		return u.from.err
	}
	if cause := context.Cause(u.ctx); errors.Is(cause, errStoreSlow) {
		return storeFault(cause)
	}
	var unstored *storeError
	if errors.As(err, &unstored) {
		return storeFault(unstored.err)
	}
	return nil
}

// notedReader keeps the error of what it reads.
type notedReader struct {
	content io.Reader
	err     error // nil at the end of the content
}

// Read implements io.Reader.
func (n *notedReader) Read(p []byte) (int, error) {
	size, err := n.content.Read(p)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return size, err
}

var errStoreSlow = errors.New("the store of files does not answer")

// storeError is an error of the store, among those of a form.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// storeFault returns the error for what cannot be stored.
func storeFault(err error) error {
	var large *blob.TooLargeError
	switch {
	case errors.As(err, &large):
		return &Fault{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: "a file is larger than " + flows.SizeText(large.Limit), Err: err, Close: true}
	case errors.Is(err, blob.ErrFull):
		return &Fault{Status: http.StatusInsufficientStorage, Code: "no_room", Message: "there is no room for the files now; try again later", Retry: time.Minute, Err: err, Close: true}
	case errors.Is(err, context.Canceled) && !errors.Is(err, errStoreSlow):
		return err
	}
	return &Fault{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "files cannot be stored now; try again later", Retry: 2 * time.Second, Err: err, Close: true}
}

// uploadReader reads a body whose sender must be fast enough, and whose store, too.
type uploadReader struct {
	c    *gin.Context
	body io.Reader
	left int         // bytes until the deadlines of the connection are moved
	slow *time.Timer // runs while the store works
	err  error       // of the body, as bodyError returns it; nil at its end
}

// Read implements io.Reader.
func (r *uploadReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	r.slow.Stop()
	defer r.slow.Reset(storeLimit)
	if r.left <= 0 {
		r.left = uploadStep
		KeepOpen(r.c, uploadPause)
	}
	n, err := r.body.Read(p)
	if r.left -= n; err != nil && err != io.EOF {
		r.err = bodyError(r.c.Request, err)
		err = r.err
	}
	return n, err
}
