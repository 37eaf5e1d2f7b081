// Package content reads and writes the forms of content that several step kinds share: text, sizes and base64.
package content
