package httpstep

import (
	"context"
	"net/http"
	"net/url"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// Limits of max_pages.
const (
	defaultPages  = 100
	maxPagesLimit = 10_000
)

// httpPages is the paginate parameter: one request for each page; the items of all pages in order.
type httpPages struct {
	pager    httpPager
	items    *flows.Expr // evaluated on the response; nil: the response is the item
	maxPages int
	explicit bool // maxPages is set by the flow: reaching it is not a failure
}

// httpPager is one way to find the next page.
type httpPager interface {
	// first returns the URL of the first page.
	first(target *url.URL) *url.URL
	// next returns the call for the page after p; nil after the last one.
	next(ctx context.Context, in *flows.Input, p *httpPage) (*httpCall, error)
}

// httpPage is a page that was read.
type httpPage struct {
	call     *httpCall
	response *httpResponse
	before   int // number of items of the pages before
	found    int // number of its items
}

func (p *httpPages) run(ctx context.Context, in *flows.Input, s *step, client *http.Client, call *httpCall) ([]any, error) {
	var all []any
	var size int64
	charger := in.Charger(ctx)
	call = call.at(p.pager.first(call.url))
	pages := map[string]int{} // number of each page by its key, from 1
	for {
		pages[call.pageKey()] = call.page + 1
		read := charger.Part()
		call.charger = read
		answer, err := s.send(ctx, in, client, call)
		if err != nil {
			read.Drop()
			return nil, err
		}
		if size += answer.size; size > maxResponse {
			return nil, failure.Errorf("%s: the pages are larger than %s together", call.name(), flows.SizeText(maxResponse))
		}
		found, err := p.itemsOf(ctx, in, answer)
		if err == nil && p.items != nil { // only the items of the page are kept
			err = charger.Charge(flows.SizeOf(found))
			read.Drop()
		}
		if err != nil {
			return nil, failure.Limit(err)
		}
		page := &httpPage{call: call, response: answer, before: len(all), found: len(found)}
		all = append(all, found...)
		next, err := p.pager.next(ctx, in, page)
		switch {
		case err != nil:
			return nil, err
		case next == nil, p.explicit && call.page+1 == p.maxPages:
			return all, nil
		}
		if err := p.mayFollow(call, next, pages); err != nil {
			return nil, err
		}
		next.page = call.page + 1
		call = next
	}
}

func (p *httpPages) itemsOf(ctx context.Context, in *flows.Input, answer *httpResponse) ([]any, error) {
	if p.items == nil {
		return []any{answer.item()}, nil
	}
	return p.items.All(ctx, in.With(answer.item()))
}

// mayFollow rejects endless pagination, and a page of another origin, because the headers of the flow may be
// credentials for the first origin.
func (p *httpPages) mayFollow(call *httpCall, next *httpCall, pages map[string]int) error {
	switch {
	case call.page+1 == p.maxPages:
		return failure.Errorf("%s: more than %d pages; set max_pages to stop earlier or go on", call.name(), p.maxPages)
	case pages[next.pageKey()] == call.page+1:
		return failure.Errorf("%s: page %d names itself as the next one", call.name(), call.page+1)
	case pages[next.pageKey()] > 0:
		return failure.Errorf("%s: page %d names page %d as the next one", call.name(), call.page+1, pages[next.pageKey()])
	case !sameOrigin(next.url, call.url):
		return failure.Errorf("%s: the next page is at %s, another origin", call.name(), origin(next.url))
	}
	return nil
}
