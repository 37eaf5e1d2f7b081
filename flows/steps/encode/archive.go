package encode

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/budget"
)

func gzipFormat(args *flows.Args) (form, error) {
	if args.Bool("decode") {
		return transform(args, "gzip", "", func(_ context.Context, _ *flows.Input, from io.Reader) (io.Reader, error) {
			r, err := gzip.NewReader(from)
			if err != nil {
				return nil, formOf(unexpected(err))
			}
			return checkedReader{r}, nil
		})
	}
	return transform(args, "gzip", "application/gzip", func(_ context.Context, _ *flows.Input, from io.Reader) (io.Reader, error) {
		return piped(func(w io.Writer) error {
			z := gzip.NewWriter(w)
			if _, err := io.Copy(z, from); err != nil {
				return err
			}
			return z.Close()
		}), nil
	})
}

const maxEntries = 1000 // of an archive

func zipFormat(args *flows.Args) (form, error) {
	if args.Bool("decode") {
		return readZIPFormat(args)
	}
	for _, name := range []string{"input", "match", "max_size"} {
		if args.Has(name) {
			return nil, args.Refuse(problem.MeaninglessKey, name, "%s has no meaning for zip unless it decodes", name)
		}
	}
	output, name := args.String("output"), args.Template("name")
	switch {
	case output != outputFile && output != "base64":
		return nil, args.Errorf("zip", "zip is no text: output: file or output: base64 writes it")
	case name != nil && output != outputFile:
		return nil, args.Refuse(problem.MeaninglessKey, "name", "name has a meaning with output: file only")
	}
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		entries, err := entriesOf(v)
		if err != nil {
			return nil, err
		}
		archive := piped(func(w io.Writer) error { return writeZIP(ctx, in, w, entries) })
		defer archive.Close()
		if output == outputFile {
			file, err := saveFile(ctx, in, 0, name, "application/zip", archive)
			return file, transformError(ctx, "zip", err)
		}
		result, err := readAll(in.Charger(ctx), archive, maxFile)
		if err != nil {
			return nil, transformError(ctx, "zip", err)
		}
		return base64Codec().encode(result), in.Charger(ctx).Charge(2 * int64(len(result)))
	}, nil
}

// entry is a file of an archive to write.
type entry struct {
	name string
	file any    // a file of the run; nil: text is the content
	text []byte // nil: none
}

// entriesOf reads a list of {name, file}, {name, content} or {name, base64}.
func entriesOf(v any) ([]entry, error) {
	list, ok := v.([]any)
	if !ok || len(list) > maxEntries {
		return nil, failure.Errorf("a zip is made of a list of at most %d objects {name, file}, {name, content} or {name, base64}", maxEntries)
	}
	entries, seen := make([]entry, len(list)), map[string]bool{}
	for i, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			return nil, failure.Errorf("entry %d of the zip is %s, not an object", i+1, content.TypeName(element))
		}
		e := entry{}
		e.name, _ = object["name"].(string)
		if reason := badName(e.name); reason != "" || seen[e.name] {
			return nil, failure.Errorf("entry %d of the zip: the name %.100q %s", i+1, e.name, cmp.Or(reason, "comes twice"))
		}
		seen[e.name] = true
		encoded, isBase64 := object["base64"].(string)
		switch _, isFile := flows.FileOf(object); {
		case isFile:
			e.file = object
		case object["file"] != nil:
			e.file = object["file"]
		case isBase64:
			var err error
			if e.text, err = readBytes(base64Codec(), encoded); err != nil {
				return nil, err
			}
		case object["content"] == nil:
			return nil, failure.Errorf("entry %d of the zip: %.100q has no file, content or base64", i+1, e.name)
		default:
			e.text = []byte(content.ScalarText(object["content"]))
		}
		entries[i] = e
	}
	return entries, nil
}

// badName returns why a text cannot be the name of a file in an archive: it may be unpacked by programs that write it as a path.
func badName(name string) string {
	switch {
	case name == "" || len(name) > 1024 || !utf8.ValidString(name):
		return "has no 1 to 1024 bytes of UTF-8"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == ':' }):
		return `has a \, a : or a control character in it`
	case path.IsAbs(name) || path.Clean(name) != name || name == ".." || strings.HasPrefix(name, "../") || name == ".":
		return "is no plain path below the archive"
	}
	return ""
}

func writeZIP(ctx context.Context, in *flows.Input, w io.Writer, entries []entry) error {
	archive := zip.NewWriter(w)
	for _, e := range entries {
		to, err := archive.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			return err
		}
		if e.file == nil {
			if _, err := to.Write(e.text); err != nil {
				return err
			}
			continue
		}
		from, _, err := in.OpenFile(ctx, e.file)
		if err != nil {
			return err
		}
		_, err = io.Copy(to, from)
		_ = from.Close() // it was read
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

func readZIPFormat(args *flows.Args) (form, error) {
	match := args.String("match")
	if _, err := path.Match(match, ""); err != nil {
		return nil, args.Refuse(problem.BadPattern, "match", "match: %q is no pattern", match)
	}
	if args.Has("name") {
		return nil, args.Refuse(problem.MeaninglessKey, "name", "name has no meaning when a zip is read: its files have names")
	}
	read, err := bytesInput(args, "a zip")
	if err != nil {
		return nil, err
	}
	limit, err := sizeLimit(args)
	if err != nil {
		return nil, err
	}
	output := args.String("output")
	if output == "" {
		return nil, args.Refuse(problem.RequiredKey, "zip", "output is missing: file for files of the run, text or base64 for the contents themselves")
	}
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		content, err := read(ctx, in, v)
		if err != nil {
			return nil, err
		}
		archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return nil, failure.Errorf("the bytes are no zip, or were cut off")
		}
		r := zipReader{in: in, charger: in.Charger(ctx), left: limit, limit: limit, output: output}
		list, err := r.files(ctx, archive, match)
		return list, transformError(ctx, "zip", err)
	}, nil
}

// zipReader reads an archive.
type zipReader struct {
	in          *flows.Input
	charger     *budget.Charger
	left, limit int64 // bytes of all files together
	output      string
}

func (r *zipReader) files(ctx context.Context, archive *zip.Reader, match string) ([]any, error) {
	if len(archive.File) > maxEntries {
		return nil, failure.Errorf("the zip has more than %d files", maxEntries)
	}
	list, seen := []any{}, map[string]bool{}
	for _, f := range archive.File {
		if f.Name = entryName(f.Name); strings.HasSuffix(f.Name, "/") {
			continue
		}
		if match != "" {
			if ok, _ := path.Match(match, path.Base(f.Name)); !ok { // the pattern is valid
				continue
			}
		}
		if reason := badName(f.Name); reason != "" || seen[f.Name] {
			return nil, failure.Errorf("the zip has a file whose name %.100q %s", f.Name, cmp.Or(reason, "comes twice"))
		}
		seen[f.Name] = true
		switch {
		case f.Mode().Type()&^fs.ModeNamedPipe != 0: // the content of a pipe is that of a file: cat x | zip x.zip -
			return nil, failure.Errorf("%.100q in the zip is a link or a device", f.Name)
		case f.Flags&1 != 0:
			return nil, failure.Errorf("%.100q in the zip is encrypted, which is not supported", f.Name)
		case f.Method != zip.Store && f.Method != zip.Deflate:
			return nil, failure.Errorf("%.100q in the zip is compressed by the method %d, which is not supported: only 0 (stored) and 8 (deflate) are", f.Name, f.Method)
		}
		object, err := r.file(ctx, f)
		if err != nil {
			return nil, err
		}
		list = append(list, object)
	}
	return list, nil
}

// entryName returns the name of a file in an archive. One that is not UTF-8 is in the code page 437 (APPNOTE.TXT of PKWARE, appendix D); some
// programs write \ for /.
func entryName(name string) string {
	if !utf8.ValidString(name) {
		name, _ = charmap.CodePage437.NewDecoder().String(name) // each byte has a character
	}
	return strings.ReplaceAll(name, `\`, "/")
}

// file reads one file: {name, size, file} or {name, size, content}.
func (r *zipReader) file(ctx context.Context, f *zip.File) (any, error) {
	from, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errForm, err)
	}
	defer from.Close()
	counted := &countingReader{from: checkedReader{from}, left: &r.left, limit: r.limit}
	if err := r.charger.Charge(budget.Object + budget.Members(5) + int64(len(f.Name))); err != nil {
		return nil, err
	}
	if r.output == outputFile {
		file, err := r.in.SaveFile(ctx, 0, path.Base(f.Name), mime.TypeByExtension(path.Ext(f.Name)), counted)
		if err != nil {
			return nil, err
		}
		return map[string]any{"name": f.Name, "size": int(file.Size), "file": file.Value()}, nil
	}
	text, err := readAll(r.charger, counted, maxFile)
	if err != nil {
		return nil, err
	}
	if err := r.charger.Charge(2 * int64(len(text))); err != nil {
		return nil, err
	}
	value, err := writeBytes(codecNamed(r.output), text)
	return map[string]any{"name": f.Name, "size": len(text), "content": value}, err
}

// countingReader bounds the bytes of all files of an archive.
type countingReader struct {
	from  io.Reader
	left  *int64
	limit int64
}

// Read implements io.Reader.
func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if *r.left -= int64(n); *r.left < 0 {
		return 0, failure.Errorf("the files are larger than %s together: a larger max_size takes them", flows.SizeText(r.limit))
	}
	return n, err
}
