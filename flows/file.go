package flows

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/blob"
)

// filePrefix begins the reference to a file, which a value holds in its member "file".
const filePrefix = "blob:"

// maxFileName is the maximum length of the name of a file in bytes.
const maxFileName = 255

// File describes a file of a run, whose bytes are in Env.Files. Only the run that has the file can read it.
type File struct {
	ID          string // as Env.Files names it
	Name        string // without a directory; empty: it has none
	ContentType string
	Size        int64  // bytes
	SHA256      string // hexadecimal
}

// NewFile describes a stored blob. The name and the content type may be anybody's: a directory in the name and control
// characters are removed, and a content type that is none becomes application/octet-stream.
func NewFile(info blob.Info, name, contentType string) File {
	if _, _, err := mime.ParseMediaType(contentType); err != nil || len(contentType) > maxFileName || !utf8.ValidString(contentType) {
		contentType = "application/octet-stream"
	}
	return File{ID: info.ID, Name: cleanFileName(name), ContentType: contentType, Size: info.Size, SHA256: info.SHA256}
}

// cleanFileName returns the last part of a path without control characters.
func cleanFileName(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
	for len(name) > maxFileName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if name == "." || name == ".." {
		return ""
	}
	return name
}

// Value is the file as a value of a program.
func (f File) Value() map[string]any {
	value := map[string]any{"file": filePrefix + f.ID, "content_type": f.ContentType, "size": int(f.Size), "sha256": f.SHA256}
	if f.Name != "" {
		value["name"] = f.Name
	}
	return value
}

// FileOf returns the file that a value describes, or whose reference it is. What it says besides the reference may be
// anybody's invention. false: it is none.
func FileOf(v any) (File, bool) {
	text, _ := v.(string)
	object, _ := v.(map[string]any)
	if object != nil {
		text, _ = object["file"].(string)
	}
	id, ok := strings.CutPrefix(text, filePrefix)
	if !ok || id == "" {
		return File{}, false
	}
	said := func(name string) string {
		text, _ := object[name].(string)
		return text
	}
	return NewFile(blob.Info{ID: id, SHA256: said("sha256")}, said("name"), said("content_type")), true
}

// dropLimit is the maximum duration of deleting the files of a failed attempt.
const dropLimit = 5 * time.Second

// OpenFile opens a file of the run. v is a value as File.Value returns it, or its reference. The size in File is that of the
// store. ctx ends the reading, too. A store that is away is waited for.
func (in *Input) OpenFile(ctx context.Context, v any) (*blob.Reader, File, error) {
	file, ok := FileOf(v)
	if !ok {
		return nil, file, &Error{Code: CodeStepFailed, Message: `expected a file, which is an object with the member "file", as in the event of a request with one`}
	}
	store := in.Env().Files
	if store == nil {
		return nil, file, errNoFiles()
	}
	r, err := store.Open(ctx, in.Run().origin(), file.ID)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil, file, &Error{Code: CodeStepFailed, Message: "this run has no such file: a file can be read only in the run that it came with or that created it", Err: err}
	case err != nil && ctx.Err() != nil:
		return nil, file, ctx.Err()
	case err != nil:
		return nil, file, &Error{Code: CodeStepFailed, Message: "the file cannot be read: the store of files does not answer", Class: ClassNetwork, Err: err}
	}
	file.Size = r.Size()
	return r, file, nil
}

// SaveFile stores a content of at most limit bytes as a file of the run; zero means the limit of the store. It is deleted
// with the run. Errors of content are returned as they are, wrapped.
func (in *Input) SaveFile(ctx context.Context, limit int64, name, contentType string, content io.Reader) (File, error) {
	store := in.Env().Files
	if store == nil {
		return File{}, errNoFiles()
	}
	info, err := store.Put(ctx, in.Run().origin(), limit, content)
	var large *blob.TooLargeError
	switch {
	case errors.As(err, &large):
		return File{}, &Error{Code: CodeStepFailed, Message: "the file is larger than " + SizeText(large.Limit), Err: err}
	case errors.Is(err, blob.ErrFull):
		return File{}, &Error{Code: CodeStepFailed, Message: "there is no room for the file: the store of files is full", Class: ClassNetwork, Err: err}
	case err != nil:
		return File{}, err
	}
	in.saved = append(in.saved, info.ID)
	return NewFile(info, name, contentType), nil
}

// dropFiles deletes the files that a failed attempt has stored: nothing refers to them. One that cannot be deleted goes with the run.
func (in *Input) dropFiles(ctx context.Context) {
	if len(in.saved) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropLimit)
	defer cancel()
	for _, id := range in.saved {
		if in.Env().Files.Delete(ctx, in.Run().origin(), id) != nil {
			return
		}
	}
}

// fileReference matches the reference to a file in the JSON of an event.
var fileReference = regexp.MustCompile(`"` + filePrefix + `([0-9a-f]{32})"`)

// CopyFiles copies the files that an event of one run names to another run, and returns the event with the new references, and
// the ids of the copies, also with an error. A reference to what the first run does not have is unchanged, and opens nothing.
// A nil store has no files.
func CopyFiles(ctx context.Context, store *blob.Store, event []byte, from, to string) (copied []byte, ids []string, err error) {
	if store == nil {
		return event, nil, nil
	}
	for _, match := range fileReference.FindAllSubmatch(event, -1) {
		id := match[1]
		if !bytes.Contains(event, id) { // named twice
			continue
		}
		content, err := store.Open(ctx, from, string(id))
		if errors.Is(err, blob.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, ids, err
		}
		info, err := store.Put(ctx, to, 0, content)
		_ = content.Close() // it was read
		if err != nil {
			return nil, ids, err
		}
		ids, event = append(ids, info.ID), bytes.ReplaceAll(event, id, []byte(info.ID))
	}
	return event, ids, nil
}

func errNoFiles() error {
	return &Error{Code: CodeStepFailed, Message: "there is no store of files here"}
}

// ParseSize parses a number with a decimal unit: "512KB", "10 MB", "1GB".
func ParseSize(text string) (int64, bool) {
	digits := strings.TrimRight(text, "kKmMgGbB ")
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return 0, false
	}
	switch strings.ToUpper(strings.TrimSpace(text[len(digits):])) {
	case "", "B":
		return n, true
	case "KB":
		return n * 1000, true
	case "MB":
		return n * 1000_000, true
	case "GB":
		return n * 1000_000_000, true
	}
	return 0, false
}

// SizeText is a size for messages, in the largest unit that is exact: "10 MB".
func SizeText(n int64) string {
	switch {
	case n >= 1000_000_000 && n%1000_000_000 == 0:
		return fmt.Sprintf("%d GB", n/1000_000_000)
	case n >= 1000_000 && n%1000_000 == 0:
		return fmt.Sprintf("%d MB", n/1000_000)
	case n >= 1000 && n%1000 == 0:
		return fmt.Sprintf("%d KB", n/1000)
	}
	return fmt.Sprintf("%d bytes", n)
}

// HasFile reports whether a file is in a value, at any depth.
func HasFile(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if _, is := FileOf(v); is {
			return true
		}
		for _, member := range v {
			if HasFile(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, HasFile)
	}
	return false
}
