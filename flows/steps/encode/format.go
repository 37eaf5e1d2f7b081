package encode

import (
	"context"
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
)

// format is one parameter that selects an encoding.
type format struct {
	name, summary string
	options       []string // allowed options, besides as
	make          func(args *flows.Args) (form, error)
}

func formats() []format {
	bytes := []string{"decode", "input", "output"}
	return []format{
		{"base64", "As base64 (RFC 4648).", bytes, codecFormat(base64Codec)},
		{"base64url", "As base64 for URLs, without padding.", bytes, codecFormat(base64urlCodec)},
		{"hex", "As hexadecimal digits.", bytes, codecFormat(hexCodec)},
		{"url", "Escaped for a place in a URL.", bytes, codecFormat(urlCodec)},
		{"form", "An object as a query string or an HTML form.", []string{"decode"}, formFormat},
		{"hash", "Its hash.", []string{"algorithm", "input", "output"}, hashFormat},
		{"hmac", "Its HMAC under a secret.", []string{"algorithm", "input", "output", "secret"}, hmacFormat},
		{"jwt", "Claims as a signed JSON Web Token; with `decode: true` the claims of a token whose signature is right.", []string{"algorithm", "secret", "key_id", "decode"}, jwtFormat},
		{"aes_gcm", "Encrypted by AES-GCM: a random nonce of 12 bytes, the encrypted bytes and the tag.", append([]string{"secret", "name", "max_size"}, bytes...), aesFormat},
		{"pgp", "As an OpenPGP message, encrypted, signed or both.", append([]string{"secret", "passphrase", "sign_with", "verify_with", "armor", "name", "max_size"}, bytes...), pgpFormat},
		{"gzip", "Compressed by gzip.", append([]string{"name", "max_size"}, bytes...), gzipFormat},
		{"zip", "A list of `{name, file}`, `{name, content}` or `{name, base64}` as a zip archive.", append([]string{"name", "max_size", "match"}, bytes...), zipFormat},
		{"csv", "A list of objects or lists as CSV (RFC 4180).", append([]string{"decode", "input", "output", "charset", "bom"}, names(content.CSVParams())...), csvFormat},
		{"xlsx", "A list of objects or lists as a spreadsheet of Excel, or an object of such lists, by the names of the sheets.", []string{"decode", "input", "output", "name", "columns", "header", "sheet", "range"}, xlsxFormat},
		{"xml", "An object as XML; the reverse of what `http` makes of XML.", []string{"decode", "prefixes"}, xmlFormat},
		{"template", "Text with `${ }` in it, without encoding.", nil, templateFormat},
	}
}

// form rejects options that do not apply to the encoding.
func (f format) form(args *flows.Args) (form, error) {
	for _, p := range options() {
		if args.Has(p.Name) && p.Name != "as" && !slices.Contains(f.options, p.Name) {
			return nil, args.Refuse(problem.MeaninglessKey, p.Name, "%s has no meaning for %s", p.Name, f.name)
		}
	}
	if args.String("output") == outputFile && !slices.Contains(f.options, "name") {
		return nil, args.Refuse(problem.MeaninglessKey, "output", "output: file has no meaning for %s", f.name)
	}
	return f.make(args)
}

func params() []flows.Param {
	var params []flows.Param
	for _, f := range formats() {
		params = append(params, flows.Param{Name: f.name, Type: flows.TypeTemplate, OneOf: "format", Summary: f.summary})
	}
	return append(params, options()...)
}

const secretHint = "name a stored secret: keys are never values"

func options() []flows.Param {
	return append([]flows.Param{
		{Name: "as", Type: flows.TypeString, Default: "the result is the item", Summary: "Member of the item that takes the result."},
		{Name: "decode", Type: flows.TypeBool, Default: "false", Summary: "Reads the form instead of writing it."},
		{Name: "prefixes", Type: flows.TypeBool, Default: "false", Summary: "Names of XML keep their prefixes when it is read, and declarations of namespaces are attributes."},
		{Name: "input", Type: flows.TypeEnum, Enum: []string{"text", "base64", "hex", "file"}, Default: "text", Summary: "How the value stands for bytes; `text` is UTF-8, `file` a file of the run."},
		{Name: "output", Type: flows.TypeEnum, Enum: []string{"text", "hex", "base64", "base64url", "file"}, Default: "hex for a hash and an HMAC, text when decoding", Summary: "How the bytes of the result are written; `file` makes a file of the run."},
		{Name: "name", Type: flows.TypeTemplate, Summary: "With `output: file`: the name of the file."},
		content.SheetParam(),
		content.RangeParam(),
		{Name: "algorithm", Type: flows.TypeEnum, Enum: append([]string{"sha256", "sha512", "sha384", "sha1", "md5"}, jwtAlgorithms...), Default: "sha256", Summary: "Hash function; of a token the algorithm of its signature, where `sha256` is HS256."},
		{Name: "secret", Type: flows.TypeString, Names: flows.ResourceSecret, Hint: secretHint, Summary: "Name of the stored secret that is the key."},
		{Name: "passphrase", Type: flows.TypeString, Names: flows.ResourceSecret, Hint: secretHint, Summary: "Name of the stored secret that is the passphrase of the private OpenPGP key."},
		{Name: "sign_with", Type: flows.TypeString, Names: flows.ResourceSecret, Hint: secretHint, Summary: "Name of the stored secret that is the private OpenPGP key of the signer."},
		{Name: "verify_with", Type: flows.TypeString, Names: flows.ResourceSecret, Hint: secretHint, Summary: "Name of the stored secret with the public OpenPGP keys, one of which must have signed the message that is read."},
		{Name: "armor", Type: flows.TypeBool, Default: "true for text", Summary: "Writes an OpenPGP message as text (`-----BEGIN PGP MESSAGE-----`)."},
		{Name: "key_id", Type: flows.TypeString, Summary: "`kid` of a token."},
		{Name: "max_size", Type: flows.TypeString, Default: "100MB", Summary: "Most bytes that decompressing or decrypting may give, of all files of an archive together; at most 1GB, and 50MB unless `output` is `file`."},
		{Name: "match", Type: flows.TypeString, Default: "all files", Summary: "Pattern of the files that are read from a zip: `*.csv`."},
		{Name: "charset", Type: flows.TypeString, Default: "UTF-8", Summary: "Charset of CSV as bytes, by its label in the WHATWG Encoding standard: `windows-1252`, `utf-16le`."},
		{Name: "bom", Type: flows.TypeBool, Default: "false", Summary: "Writes a byte order mark before CSV, by which Excel knows UTF-8. Reading removes one always."},
	}, content.CSVParams()...)
}

func names(params []flows.Param) []string {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	return names
}

func templateFormat(*flows.Args) (form, error) {
	return func(_ context.Context, _ *flows.Input, v any) (any, error) {
		if v == nil {
			return "", nil
		}
		return content.ScalarText(v), nil
	}, nil
}

const doc = `**Bytes.** ` + "`base64`, `base64url`, `hex`, `url`, `hash` and `hmac`" + ` work on bytes: those of text in UTF-8, of other values as JSON, or
what a base64 or hexadecimal text stands for (` + "`input`" + `), such as a body with ` + "`parse: bytes`" + `. With ` + "`input: file`" + ` they are those of a file of the run: of at
most 50 MB, and of any size for ` + "`hash` and `hmac`" + `, which stream it. Decoding gives text; bytes that are
no text need ` + "`output`" + `. Padding may be missing where base64 is read.

**Keys** are stored secrets, named by ` + "`secret`" + `.

**Tokens.** ` + "`jwt`" + ` signs with HS256 to HS512, RS256 to RS512, PS256 to PS512, ES256 to ES512 and EdDSA. It adds no claim: ` + "`iat`" + ` and ` + "`exp`" + ` come from the flow. The key of
the last four is PEM or a JSON Web Key. ` + "`decode: true`" + ` gives the claims of a token that is signed with this ` + "`algorithm`" + `, whatever the token says of it, and this key: a public key, a
certificate, or a set of keys (JWKS) that ` + "`kid`" + ` chooses from, without those whose ` + "`use`" + ` or ` + "`alg`" + ` is another. Tokens with ` + "`crit`" + ` are refused. ` + "`exp`" + ` and ` + "`nbf`" + ` are checked, with a minute for clocks that differ; ` + "`aud`" + ` and ` + "`iss`" + ` are the flow's to check.

**Encryption.** ` + "`aes_gcm`" + ` has a key of 16, 24 or 32 bytes in base64 or hexadecimal digits, and takes up to 50 MB: the tag covers all, so that nothing is given out before the end. ` + "`pgp`" + ` encrypts for all public keys in ` + "`secret`" + `, signs with the private key in
` + "`sign_with`" + `, or both; ` + "`decode: true`" + ` decrypts with the private key in ` + "`secret`" + `. With ` + "`verify_with`" + ` a message without a valid signature of one of these keys is a failure; without it
signatures are not looked at. Keys are armored, one or several blocks, or base64. A message is armored or not, and nothing may follow it; cleartext signatures and detached ones are not read. Encrypting twice gives other bytes: a run that is executed again encrypts again, unless ` + "`output: file`" + ` has made a file.

**Compression.** ` + "`gzip`" + ` and ` + "`zip`" + ` take and make files of the run (` + "`input: file`, `output: file`" + `), or base64. A zip is written from a list of ` + "`{name, file}`, `{name, content}`" + ` or
` + "`{name, base64}`" + `; reading it gives the list of its files: ` + "`{name, size, file}`" + ` with ` + "`output: file`" + `, else ` + "`{name, size, content}`" + `. An archive has at most 1,000 files, and to be read 50 MB;
names that lead out of it, links, encrypted files and methods other than deflate are refused. Names that are not UTF-8 are read as code page 437, ` + "`\\`" + ` as ` + "`/`" + `. What comes out is at most ` + "`max_size`" + `.

**CSV** is written with CRLF and quotes where they are needed. Objects become rows by ` + "`columns`" + `; null is empty; lists and objects in a
cell are JSON. Reading gives a list of objects by the first row, all text. Line ends within a cell are unchanged, in both directions.
` + "`delimiter`, `quote` and `header`" + ` are those of both directions; ` + "`ragged`, `duplicates` and `lenient`" + ` read what others write. Bytes in another
charset are read with ` + "`input: base64` or `input: file`" + `, and written with ` + "`output: base64`" + `.

**Spreadsheets.** ` + "`xlsx`" + ` is written with ` + "`output: base64`" + `, or ` + "`output: file`" + ` for a file of the run with a ` + "`name`" + `. Lists are written as for CSV; an object
has a sheet for each member: ` + "`{Gifts: …, Donors: …}`" + `. Numbers and truth values keep their types; a text that is a date or time, ` + "`2026-11-21`" + ` or ` + "`2026-11-21T10:00:00`" + `, is a date
in Excel; a text is never a formula; a number of more than 15 digits, which Excel would round, is a text. Reading takes ` + "`input: base64` or `input: file`" + `, a ` + "`sheet`" + ` and a ` + "`range`" + `:
the first row of it that is not empty names the columns (one without a name has its letters, a second one of a name is ` + "`name_2`" + `), or with ` + "`header: false`" + ` rows are lists. Dates are
` + "`2026-11-21`, `2026-11-21T10:00:00`" + ` or ` + "`10:00:00`" + `, by the format of the cell; a formula is its last result; empty cells are null, and empty rows are left out. ` + "`read_file`" + ` with
` + "`parse: xlsx`" + ` reads the same.

**XML.** ` + "`{root: …}`" + `: an object's members become elements, ` + "`@name`" + ` an attribute, ` + "`#text`" + ` the text before them, ` + "`#cdata`" + ` a CDATA
section; a list repeats its element; null is an empty element. Elements have the order that they have in the flow file; those of computed
objects are sorted by name. Where elements of computed objects need an order, or text stands between them, ` + "`#children`" + ` is a list
of objects with one member each:

` + "```yaml" + `
- encode:
    xml:
      soap:Envelope:
        "@xmlns:soap": http://schemas.xmlsoap.org/soap/envelope/
        soap:Header: {token: "${ .token }"}
        soap:Body:
          order: {"#children": "${ [{id: .id}] + [.lines[] | {line: .}] + [{total: .total}] }"}
` + "```" + `

Reading drops prefixes; where siblings have one name in two namespaces, those with a prefix keep it. ` + "`prefixes: true`" + ` keeps all.

` + "```yaml" + `
- encode: {csv: "${ .rows }", columns: [id, name], as: report}
- encode: {csv: "${ .upload }", decode: true, input: file, charset: windows-1252, delimiter: ";"}
- encode: {xlsx: "${ .rows }", columns: [id, name], output: file, name: report.xlsx, as: report}
- encode: {xlsx: "${ .upload }", decode: true, input: file, sheet: Gifts, range: "A3:F"}
- encode: {base64: "${ .document }", decode: true}
- encode: {zip: "${ .upload }", decode: true, input: file, output: file, match: "*.csv", as: files}
- encode: {pgp: "${ .report }", secret: bank_public_key, sign_with: our_private_key, input: file, output: file, name: report.csv.pgp, as: sealed}
- encode: {hash: "${ .upload }", input: file, algorithm: md5, as: md5}
- encode: {template: "Dear ${ .name },\nthank you.", as: letter}
` + "```" + `
`
