package encode

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/budget"
)

// The decompressed or decrypted bytes of one value or archive.
const (
	defaultSize = 100_000_000
	maxSize     = 1_000_000_000
)

// transformer returns the bytes that are made of others. Its errors are those of the step.
type transformer func(ctx context.Context, in *flows.Input, from io.Reader) (io.Reader, error)

// transform is the form of a transformer, by the parameters input, output, name, max_size and decode: files stream from and to the store.
func transform(args *flows.Args, format, contentType string, make transformer) (form, error) {
	decode, input := args.Bool("decode"), args.String("input")
	if decode && (input == "" || input == "text") && format != "pgp" {
		return nil, args.Errorf("input", "what is to be read is no text: input: file or input: base64 reads it")
	}
	limit, err := sizeLimit(args)
	if err != nil {
		return nil, err
	}
	output, name := args.String("output"), args.Template("name")
	switch {
	case name != nil && output != outputFile:
		return nil, args.Refuse(problem.MeaninglessKey, "name", "name has a meaning with output: file only")
	case output == "" && decode || output == "" && format == "pgp":
		output = "text"
	case output == "":
		output = "base64"
	case output == "text" && !decode && format != "pgp":
		return nil, args.Errorf("output", "%s is no text: output: file or output: base64 writes it", format)
	}
	if decode {
		contentType = "application/octet-stream"
	}
	return func(ctx context.Context, in *flows.Input, v any) (any, error) {
		from, err := source(ctx, in, input, v)
		if err != nil {
			return nil, err
		}
		defer from.Close()
		part := in.Charger(ctx).Part()
		defer part.Drop()
		if err := part.Charge(4 * blob.Chunk); err != nil { // of the windows and buffers
			return nil, err
		}
		to, err := make(ctx, in, from)
		if err != nil {
			return nil, transformError(ctx, format, err)
		}
		if closer, ok := to.(io.Closer); ok {
			defer closer.Close()
		}
		if output == outputFile {
			file, err := saveFile(ctx, in, limit, name, contentType, to)
			return file, transformError(ctx, format, err)
		}
		result, err := readAll(in.Charger(ctx), to, min(limit, maxFile))
		if err != nil {
			return nil, transformError(ctx, format, err)
		}
		if err := in.Charger(ctx).Charge(2 * int64(len(result))); err != nil {
			return nil, err
		}
		return writeBytes(codecNamed(output), result)
	}, nil
}

// sizeLimit returns the value of max_size.
func sizeLimit(args *flows.Args) (int64, error) {
	if !args.Has("max_size") {
		return defaultSize, nil
	}
	size, ok := flows.ParseSize(args.String("max_size"))
	if !ok || size < 1 || size > maxSize {
		return 0, args.Refuse(problem.BadSize, "max_size", "max_size is a size from 1B to %s, such as 512KB or 10MB", flows.SizeText(maxSize))
	}
	return size, nil
}

// source returns the bytes that a value stands for.
func source(ctx context.Context, in *flows.Input, input string, v any) (io.ReadCloser, error) {
	if input == inputFile {
		r, _, err := in.OpenFile(ctx, v)
		return storedReader{ctx, r}, err
	}
	text, err := readBytes(codecNamed(input), v)
	return io.NopCloser(bytes.NewReader(text)), err
}

// storedReader reads a file of the run. Its errors are those of the step, so that they are none of a decoder.
type storedReader struct {
	ctx context.Context
	io.ReadCloser
}

// Read implements io.Reader.
func (r storedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = content.FileError(r.ctx, "read", err)
	}
	return n, err
}

// saveFile stores bytes as a file of the run. name may be nil.
func saveFile(ctx context.Context, in *flows.Input, limit int64, name *flows.Template, contentType string, from io.Reader) (any, error) {
	text := ""
	if name != nil {
		var err error
		if text, err = name.Text(ctx, in); err != nil {
			return nil, err
		}
	}
	file, err := in.SaveFile(ctx, limit, text, contentType, from)
	if err != nil {
		return nil, err
	}
	return file.Value(), nil
}

// readAll reads at most limit bytes, which are charged.
func readAll(charger *budget.Charger, from io.Reader, limit int64) ([]byte, error) {
	var all []byte
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if int64(len(all)+n) > limit {
			return nil, failure.Errorf("it is larger than %s", flows.SizeText(limit))
		}
		if charged := charger.Charge(2 * int64(n)); charged != nil { // the buffer grows by a quarter at least
			return nil, charged
		}
		all = append(all, buffer[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// errForm says that bytes are not of the format.
var errForm = errors.New("encode: the bytes are not of the format")

// transformError returns the failure of a step whose bytes could not be read, made or stored; nil for nil.
func transformError(ctx context.Context, format string, err error) error {
	var known *flows.Error
	switch {
	case err == nil || ctx.Err() != nil:
		return errors.Join(err, ctx.Err())
	case errors.As(err, &known):
		return known
	case failure.AsLimit(err) != nil:
		return failure.AsLimit(err)
	case errors.Is(err, errForm):
		return failure.Errorf("the bytes are no %s, or were cut off or changed", format)
	}
	return content.FileError(ctx, "read or stored", err)
}

// checkedReader marks the errors of a decoder.
type checkedReader struct{ io.Reader }

// Read implements io.Reader.
func (r checkedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	return n, formOf(err)
}

// formOf marks an error of a decoder; errors of the store of files have their own text.
func formOf(err error) error {
	var known *flows.Error
	if err == nil || err == io.EOF || errors.As(err, &known) {
		return err
	}
	return errors.Join(errForm, err)
}

// unexpected returns the error of a decoder whose bytes end before it has begun, or in the middle.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// piped returns what write writes. Closing it ends write.
func piped(write func(w io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.CloseWithError(write(w))
	}()
	return pipe{r, done}
}

// pipe is the reading end of a pipe. Its Close waits for the writer.
type pipe struct {
	*io.PipeReader
	done chan struct{}
}

// Close implements io.Closer.
func (p pipe) Close() error {
	err := p.PipeReader.Close()
	<-p.done
	return err
}
