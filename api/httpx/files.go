package httpx

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/blob"
)

// deleteLimit is the time for deleting the files of a request.
const deleteLimit = 10 * time.Second

// requestFiles are the files that a request has brought.
type requestFiles struct {
	owner string // id of the run that they are for
	ids   []string
	kept  bool // a run has them, or may have them
}

// HasFiles reports whether the request has brought files, which are stored for a run.
func (x *State) HasFiles() bool { return len(x.files.ids) > 0 }

// KeepFiles says that a run has the files of the request, or may have them. Otherwise they are deleted when the request ends.
func (x *State) KeepFiles() { x.files.kept = true }

// WithoutFileIDs returns an event without the ids of the request's files, which are different in each request. Equal
// requests have equal ones.
func (x *State) WithoutFileIDs(event []byte) []byte {
	for _, id := range x.files.ids {
		event = bytes.ReplaceAll(event, []byte(id), nil)
	}
	return event
}

// deleteFiles deletes what the request has stored, unless a run has it. What cannot be deleted is swept.
func (x *State) deleteFiles(ctx context.Context) {
	if x.files.kept || len(x.files.ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteLimit)
	defer cancel()
	for _, id := range x.files.ids {
		_ = x.frame.Files.Delete(ctx, x.files.owner, id) // the store of a request that failed may be away
	}
}

// CopyFiles copies the files that an event of one run names to another run, and returns the event with the new references.
// A reference to what the first run does not have is unchanged, and opens nothing.
func (x *State) CopyFiles(ctx context.Context, event []byte, from, to string) ([]byte, error) {
	event, ids, err := flows.CopyFiles(ctx, x.frame.Files, event, from, to)
	x.files.owner, x.files.ids = to, append(x.files.ids, ids...)
	if err != nil {
		return nil, storeFault(err)
	}
	return event, nil
}

// store stores a content for a run.
func (x *State) store(ctx context.Context, owner string, limit int64, content io.Reader) (blob.Info, error) {
	info, err := x.frame.Files.Put(ctx, owner, limit, content)
	if err == nil {
		x.files.owner, x.files.ids = owner, append(x.files.ids, info.ID)
	}
	return info, err
}
