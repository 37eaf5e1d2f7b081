// Package content reads and writes the forms of content that several step kinds share: text, sizes, base64, CSV and XML.
package content
