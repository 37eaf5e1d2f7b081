package runtime

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strings"
)

// pages iterates over the items of all pages of a listing, each fetched when it is needed. It ends after the first error.
func pages[P, T any](ctx context.Context, c *Client, q *request, items func(P) []T, options []Option) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		at := *q // the sequence may be iterated again
		for {
			var page P
			answer, err := c.send(ctx, &at, options)
			if err == nil {
				err = decode(answer, &page)
			}
			for _, item := range items(page) {
				if !yield(item, nil) {
					return
				}
			}
			more := false
			if err == nil {
				more, err = at.advance(answer.Header)
			}
			if err != nil {
				var zero T
				yield(zero, err)
			}
			if !more {
				return
			}
		}
	}
}

// advance makes a request that of the next page (RFC 8288). Only the query is taken from the link: the server may know
// itself by another address, and credentials go to no other.
func (q *request) advance(header http.Header) (more bool, err error) {
	for _, value := range header.Values("Link") {
		for link := range strings.SplitSeq(value, ", <") {
			target, attributes, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
			if !strings.Contains(attributes, `rel="next"`) {
				continue
			}
			next, err := url.Parse(target)
			if err != nil || next.Query().Encode() == q.query.Encode() {
				return false, errors.New("read listing: the link to the next page leads nowhere")
			}
			q.query = next.Query()
			return true, nil
		}
	}
	return false, nil
}
