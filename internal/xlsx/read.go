package xlsx

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/budget"
)

// Options say what is read.
type Options struct {
	Sheet    string // name, or number from 1; empty: the first
	Range    Range
	NoHeader bool // rows are lists; else they are objects, by the names in the first row of the range
}

// book is a spreadsheet that is being read.
type book struct {
	charger *budget.Charger
	parts   map[string]*zip.File
	left    int64      // bytes that may still be decompressed
	token   int64      // bytes decompressed since the last token
	nested  []xml.Name // elements of the part that have not ended
	epoch   time.Time
	texts   []string     // shared by cells
	kinds   []numberKind // by style of a cell
}

// Read returns the rows of a sheet that have a value: objects by the names in the first row, or lists. Numbers are json.Number, dates
// and times texts of ISO 8601, errors such as #N/A texts; empty cells are null.
func Read(charger *budget.Charger, content []byte, o Options) ([]any, error) {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, ErrForm
	}
	if len(archive.File) > maxParts {
		return nil, formError("it has more than %d parts", maxParts)
	}
	b := &book{charger: charger, parts: make(map[string]*zip.File, len(archive.File)), left: maxContent, epoch: epoch1900}
	for _, f := range archive.File {
		b.parts[strings.TrimPrefix(f.Name, "/")] = f
	}
	sheet, err := b.open(o.Sheet)
	if err != nil {
		return nil, err
	}
	r := &rowReader{book: b, options: o, rows: []any{}}
	if err := b.elements(sheet, "worksheet", r.element); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := r.finish(); err != nil {
		return nil, err
	}
	return r.rows, nil
}

// relation is a reference of the workbook to another part.
type relation struct {
	ID, Type, Target string
}

// open reads everything but the sheets, and returns the part of the one that is asked for.
func (b *book) open(wanted string) (sheet string, err error) {
	workbook := "xl/workbook.xml"
	main, err := b.related("_rels/.rels", "", "/officeDocument")
	if err != nil {
		return "", err
	}
	if len(main) > 0 {
		workbook = main[0].Target
	}
	dir := path.Dir(workbook)
	relations, err := b.related(path.Join(dir, "_rels", path.Base(workbook)+".rels"), dir, "")
	if err != nil {
		return "", err
	}
	var found, name string
	number, _ := strconv.Atoi(wanted)
	count := 0
	err = b.elements(workbook, "workbook", func(_ *xml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			if v := attribute(e, "date1904"); v == "1" || v == "true" {
				b.epoch = epoch1904
			}
		case "sheet":
			count++
			name = attribute(e, "name")
			if found == "" && wanted == "" || name == wanted || found == "" && count == number {
				found = attribute(e, "id")
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if found == "" {
		return "", formError("it has no sheet %q, but %d others", wanted, count)
	}
	for _, r := range relations {
		switch {
		case r.ID == found:
			sheet = r.Target
		case strings.HasSuffix(r.Type, "/sharedStrings"):
			err = b.elements(r.Target, "sst", b.sharedText)
		case strings.HasSuffix(r.Type, "/styles"):
			err = b.styles(r.Target)
		}
		if err != nil {
			return "", err
		}
	}
	if sheet == "" {
		return "", formError("the sheet %q is missing", wanted)
	}
	return sheet, nil
}

// related returns the relations of a part whose type has this ending; a part that is missing has none. Targets are relative to dir.
func (b *book) related(part, dir, ending string) (all []relation, err error) {
	if b.parts[part] == nil {
		return nil, nil
	}
	err = b.elements(part, "Relationships", func(_ *xml.Decoder, e xml.StartElement) error {
		if e.Name.Local != "Relationship" {
			return nil
		}
		r := relation{ID: attribute(e, "Id"), Type: attribute(e, "Type"), Target: attribute(e, "Target")}
		if absolute, ok := strings.CutPrefix(r.Target, "/"); ok {
			r.Target = absolute
		} else {
			r.Target = path.Join(dir, r.Target)
		}
		if strings.HasSuffix(r.Type, ending) {
			all = append(all, r)
		}
		return b.charger.Charge(int64(len(r.ID) + len(r.Type) + len(r.Target) + 3*budget.Text))
	})
	return all, err
}

// errTooLarge says that the parts are larger than may be read.
var errTooLarge = formError("it is larger than %d MiB when it is decompressed, or has a text of more than %d MiB", maxContent>>20, maxToken>>20)

// boundedPart reads a part of the archive.
type boundedPart struct {
	io.Reader
	book *book
}

// Read implements io.Reader.
func (r boundedPart) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.book.left -= int64(n)
	if r.book.token += int64(n); r.book.left < 0 || r.book.token > maxToken {
		return 0, errTooLarge
	}
	return n, err
}

// next returns the next token of a part. A part that ends within an element is an error: it was cut off.
func (b *book) next(d *xml.Decoder) (xml.Token, error) {
	b.token = 0
	token, err := d.RawToken()
	if err == io.EOF && len(b.nested) > 0 {
		return nil, io.ErrUnexpectedEOF
	}
	switch token := token.(type) {
	case xml.StartElement:
		if len(b.nested) == maxNesting || len(token.Name.Local)+len(token.Name.Space) > maxName {
			return nil, formError("elements are nested more than %d deep, or have names of more than %d bytes", maxNesting, maxName)
		}
		b.nested = append(b.nested, token.Name)
	case xml.EndElement:
		last := len(b.nested) - 1
		if last < 0 || b.nested[last] != token.Name {
			return nil, formError("an end of %.100q is not where it belongs", token.Name.Local)
		}
		b.nested = b.nested[:last]
	}
	return token, err
}

// elements calls each with the start of every element of a part that each has not read itself. The first one must be of the name root.
func (b *book) elements(part, root string, each func(*xml.Decoder, xml.StartElement) error) error {
	f := b.parts[part]
	if f == nil {
		return formError("the part %.100q is missing", part)
	}
	content, err := f.Open()
	if err != nil {
		return formError("the part %.100q cannot be decompressed", part)
	}
	defer content.Close()
	d := xml.NewDecoder(boundedPart{content, b})
	b.nested = b.nested[:0]
	begun := false
	for {
		if err := b.charger.Err(); err != nil {
			return err
		}
		token, err := b.next(d)
		switch {
		case err == io.EOF && begun:
			return nil
		case err == io.EOF:
			return formError("the part %.100q is empty", part)
		case err == io.ErrUnexpectedEOF:
			return formError("the part %.100q is cut off", part)
		case errors.Is(err, ErrForm):
			return err
		case err != nil:
			return formError("the part %.100q cannot be read", part)
		}
		if e, ok := token.(xml.StartElement); ok {
			if !begun && e.Name.Local != root {
				return formError("the part %.100q is no %s", part, root)
			}
			begun = true
			if err := each(d, e); err != nil {
				return err
			}
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// text reads the text of an element up to its end: all of it in t elements, without that of phonetic hints (rPh), or of the
// element itself.
func (b *book) text(d *xml.Decoder, direct bool) (string, error) {
	var text strings.Builder
	depth, hints, inText := 1, 0, direct
	for depth > 0 {
		token, err := b.next(d)
		if errors.Is(err, ErrForm) {
			return "", err
		}
		if err != nil {
			return "", formError("a text ends within an element")
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; token.Name.Local == "rPh" {
				hints = depth
			}
			inText = token.Name.Local == "t" && hints == 0
		case xml.EndElement:
			if depth == hints {
				hints = 0
			}
			depth, inText = depth-1, direct
		case xml.CharData:
			if inText {
				if err := b.charger.Charge(int64(len(token))); err != nil {
					return "", err
				}
				text.Write(token)
			}
		}
	}
	return text.String(), nil
}

func (b *book) sharedText(d *xml.Decoder, e xml.StartElement) error {
	if e.Name.Local != "si" {
		return nil
	}
	text, err := b.text(d, false)
	if err == nil {
		b.texts = append(b.texts, unescaped(text))
		err = b.charger.Charge(2 * budget.Text)
	}
	return err
}

// styles reads which styles of cells are dates or times.
func (b *book) styles(part string) error {
	codes, inCells := map[int]numberKind{}, false
	return b.elements(part, "styleSheet", func(_ *xml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			if id, err := strconv.Atoi(attribute(e, "numFmtId")); err == nil {
				codes[id] = kindOfFormat(attribute(e, "formatCode"))
			}
		case "cellXfs":
			inCells = true
		case "cellStyles", "dxfs":
			inCells = false
		case "xf":
			if !inCells {
				return nil
			}
			id, _ := strconv.Atoi(attribute(e, "numFmtId")) // 0: General
			kind, own := codes[id]
			if !own {
				kind = builtIn(id)
			}
			b.kinds = append(b.kinds, kind)
		}
		return b.charger.Charge(budget.Cell)
	})
}
