package httpstep

import (
	"context"
	"errors"
	"net/http"

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
	stops    bool // after maxPages; otherwise a further page is a failure
}

// httpPager is one way to find the next page.
type httpPager interface {
	// first returns the call for the first page.
	first(call *httpCall) *httpCall
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

// pagesRead is the state between two pages, the checkpoint of the step.
type pagesRead struct {
	next  *httpCall // for the page to read; nil: all were read
	items []any
	jar   http.CookieJar // nil: cookies are not kept
	size  int64          // size of the pages in bytes
	seen  map[string]int // number of each page by its key, from 1
}

// run reads the pages, or those that an earlier attempt has not read.
func (p *httpPages) run(ctx context.Context, in *flows.Input, s *step) ([]any, error) {
	read, resumed := in.Checkpoint().(*pagesRead)
	if !resumed {
		call, err := s.render(ctx, in)
		if err != nil {
			return nil, err
		}
		read = &pagesRead{next: p.pager.first(call), seen: map[string]int{}}
	}
	client, err := s.client(ctx, in, read.next)
	if err != nil {
		return nil, err
	}
	if !resumed {
		read.jar = client.Jar
	}
	client.Jar = read.jar
	for read.next != nil {
		if err := p.readNext(ctx, in, s, client, read); errors.Is(err, flows.ErrNoPage) && len(read.seen) > 0 {
			break
		} else if err != nil {
			return nil, err
		}
		in.SetCheckpoint(read)
	}
	return read.items, nil
}

// readNext reads the next page. After an error, the page is still the next one.
func (p *httpPages) readNext(ctx context.Context, in *flows.Input, s *step, client *http.Client, read *pagesRead) error {
	call, charger := read.next, in.Charger(ctx)
	call.charger = charger.Part()
	answer, err := s.send(ctx, in, client, call)
	if err != nil {
		call.charger.Drop()
		return err
	}
	if read.size+answer.size > maxResponse {
		return failure.Errorf("%s: the pages are larger than %s together", call.name(), flows.SizeText(maxResponse))
	}
	found, err := p.itemsOf(ctx, in, answer)
	if err == nil && p.items != nil { // only the items of the page are kept
		err = charger.Charge(flows.SizeOf(found))
		call.charger.Drop()
	}
	if err != nil {
		return failure.Limit(err)
	}
	next, err := p.pager.next(ctx, in, &httpPage{call: call, response: answer, before: len(read.items), found: len(found)})
	if err != nil {
		return err
	}
	read.seen[call.pageKey()] = call.page + 1
	if p.stops && call.page+1 == p.maxPages {
		next = nil
	}
	if next != nil {
		if err := p.mayFollow(call, next, read.seen); err != nil {
			return err
		}
		next.page = call.page + 1
	}
	read.next, read.items, read.size = next, append(read.items, found...), read.size+answer.size
	return nil
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
		hint := "set max_pages to stop earlier or go on"
		if p.maxPages == maxPagesLimit {
			hint = "read them in parts, such as by time"
		}
		return failure.Errorf("%s: more than %d pages; %s", call.name(), p.maxPages, hint)
	case pages[next.pageKey()] == call.page+1:
		return failure.Errorf("%s: page %d names itself as the next one", call.name(), call.page+1)
	case pages[next.pageKey()] > 0:
		return failure.Errorf("%s: page %d names page %d as the next one", call.name(), call.page+1, pages[next.pageKey()])
	case !sameOrigin(next.url, call.url):
		return failure.Errorf("%s: the next page is at %s, another origin", call.name(), origin(next.url))
	}
	return nil
}
