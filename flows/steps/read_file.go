package steps

import (
	"bytes"
	"context"
	"errors"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
	"github.com/penstock/penstock/internal/payload"
	"github.com/penstock/penstock/internal/xlsx"
)

// Limits of max_size of a read_file step in bytes.
const (
	defaultReadSize = 10_000_000
	maxReadSize     = 50_000_000
	readDepth       = 64 // nesting of JSON, that of an event
)

// readFile reads a file of the run as a value.
func readFile() flows.Kind {
	return flows.Kind{
		Name:    "read_file",
		Summary: "Reads a file of the run as a value, which replaces the item.",
		Doc: "All other steps take a file by its reference, without reading it into memory. This one is for files that the flow must look " +
			"into: the value is charged to the memory of the run. A list, such as the rows of a CSV file, is one item; `split` makes an item of each element.",
		Params: []flows.Param{
			{Name: "file", Type: flows.TypeTemplate, Inline: true, Required: true, Summary: "The file: an object with the member `file`, or that member."},
			{Name: "parse", Type: flows.TypeEnum, Enum: []string{"auto", "json", "ndjson", "csv", "xml", "xlsx", "text", "base64"}, Default: "auto", Summary: "What it becomes. `auto` goes by its content type, and for text by what it looks like; what is not text is base64, and `application/octet-stream` says nothing. An empty file is [] as CSV and NDJSON, an empty text, and else null."},
			content.CharsetParam("the file"),
			content.SheetParam(), content.RangeParam(), content.HeaderParam(),
			{Name: "max_size", Type: flows.TypeString, Default: "10MB", Summary: "Largest file; a larger one is a failure. At most 50MB."},
		},
		Example:  "read_file: {file: \"${ .members }\", parse: csv}",
		CPUBound: true,
		New:      newReadFile,
	}
}

type readFileStep struct {
	file  *flows.Template
	parse payload.Form // empty: base64

	xlsx    *xlsx.Options // nil: another form
	charset string        // label; empty: that of the content type
	limit   int64
}

func newReadFile(args *flows.Args) (flows.Runner, error) {
	s := &readFileStep{file: args.Template("file"), parse: payload.Form(args.String("parse")), limit: defaultReadSize}
	switch s.parse {
	case "":
		s.parse = payload.Auto
	case "base64":
		s.parse = payload.Bytes
	}
	var err error
	if s.parse == "xlsx" {
		if s.xlsx, err = content.XLSXOptions(args); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"sheet", "range", "header"} {
		if s.xlsx == nil && args.Has(name) {
			return nil, args.Refuse(problem.MeaninglessKey, name, "%s has a meaning with parse: xlsx only", name)
		}
	}
	if s.charset, err = content.Charset(args); err != nil {
		return nil, err
	}
	if args.Has("max_size") {
		size, ok := flows.ParseSize(args.String("max_size"))
		if !ok || size < 1 || size > maxReadSize {
			return nil, args.Refuse(problem.BadSize, "max_size", "max_size is a size from 1B to %s, such as 512KB or 10MB", flows.SizeText(maxReadSize))
		}
		s.limit = size
	}
	return s, nil
}

// Run reads one file.
func (s *readFileStep) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	v, err := s.file.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	text, file, err := content.ReadFile(ctx, in, v, s.limit)
	if err != nil {
		return nil, err
	}
	value, err := s.value(ctx, in, file, text)
	if err != nil {
		return nil, err
	}
	return []any{value}, nil
}

func (s *readFileStep) value(ctx context.Context, in *flows.Input, file flows.File, text []byte) (any, error) {
	charger := in.Charger(ctx)
	if s.xlsx != nil {
		return content.ReadXLSX(charger, text, *s.xlsx)
	}
	form := s.parse
	if form == payload.Auto && payload.IsMultipart(form, file.ContentType) {
		form = payload.Bytes
	}
	if form == payload.Bytes {
		return base64Value(ctx, in, text)
	}
	kind := file.ContentType
	if media, _ := payload.MediaType(kind); media == "application/octet-stream" && !bytes.Contains(text, []byte{0}) {
		kind = "" // what senders say that do not know it
	}
	reader := payload.Reader{Charger: charger, Charset: s.charset, Depth: readDepth, Decode: flows.DecodeJSONOn}
	read, err := reader.Read(form, kind, text)
	var wrong *payload.Error
	switch {
	case errors.As(err, &wrong):
		return nil, failure.Errorf("the file cannot be read as %s: %v", wrong.Form, wrong.Err)
	case err != nil:
		return nil, failure.Limit(err)
	case read.Form == payload.Bytes:
		return base64Value(ctx, in, text)
	case read.Empty():
		return emptyValue(form, file.ContentType), nil
	case read.JSON != nil:
		value, err := flows.DecodeJSONOn(charger, read.JSON)
		return value, failure.Limit(err)
	}
	return read.Value, nil
}

// emptyValue returns the value of a file without content, or of white space alone.
func emptyValue(form payload.Form, contentType string) any {
	if media, _ := payload.MediaType(contentType); form == payload.Auto {
		form = payload.FormOf(media)
	}
	switch form {
	case payload.CSV, payload.NDJSON:
		return []any{}
	case payload.Text:
		return ""
	}
	return nil
}

func base64Value(ctx context.Context, in *flows.Input, text []byte) (any, error) {
	if err := in.Charger(ctx).Charge(2 * int64(len(text))); err != nil {
		return nil, failure.Limit(err)
	}
	return payload.EncodeBase64(text), nil
}
