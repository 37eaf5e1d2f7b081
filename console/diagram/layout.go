package diagram

// Dimensions of a diagram in pixels.
const (
	BoxWidth  = 208
	BoxHeight = 46
	gapDown   = 26 // between a box and the next below it
	gapAcross = 28 // between branches
	headroom  = 24 // space for the title of a branch
)

// Diagram is a flow with the position of every part.
type Diagram struct {
	Width, Height int
	Boxes         []Box
	Lines         []Line
	Titles        []Title
}

// Box is a step or the trigger.
type Box struct {
	X, Y    int
	Step    Step
	Trigger bool
	End     bool // the mark for the output at the end
}

// Line is a line from one point down to another.
type Line struct{ FromX, FromY, ToX, ToY int }

// Title is the title above a branch.
type Title struct {
	X, Y int // middle and base line of the text
	Text string
}

// Layout positions the parts of an outline: steps below each other, branches side by side, on_failure to the right of all.
func Layout(o Outline) Diagram {
	p := &Diagram{}
	width := max(columnWidth(o.Steps), BoxWidth)
	middle := width / 2
	p.Boxes = append(p.Boxes, Box{X: middle - BoxWidth/2, Y: 0, Trigger: true, Step: Step{Title: o.Trigger, Kind: "trigger", Detail: o.Detail}})
	bottom := p.column(o.Steps, middle, BoxHeight)
	p.line(middle, bottom, middle, bottom+gapDown)
	p.Boxes = append(p.Boxes, Box{X: middle, Y: bottom + gapDown + 6, End: true})
	p.Width, p.Height = width+2, bottom+gapDown+14
	if len(o.OnFailure) > 0 {
		p.onFailure(o.OnFailure)
	}
	return *p
}

// onFailure positions the steps of on_failure, which no line leads to: they are a run of their own.
func (p *Diagram) onFailure(steps []Step) {
	width := columnWidth(steps)
	middle := p.Width + gapAcross + width/2
	p.Titles = append(p.Titles, Title{middle, BoxHeight - 4, "on failure"})
	bottom := p.column(steps, middle, BoxHeight)
	p.Width, p.Height = p.Width+gapAcross+width+2, max(p.Height, bottom+2)
}

// columnWidth returns the width of a list of steps.
func columnWidth(steps []Step) int {
	widest := BoxWidth
	for _, s := range steps {
		widest = max(widest, branchesWidth(s.Branches))
	}
	return widest
}

func branchesWidth(branches []Branch) int {
	sum := -gapAcross
	for _, b := range branches {
		sum += columnWidth(b.Steps) + gapAcross
	}
	return sum
}

// column positions steps below a point and returns the y coordinate of the end.
func (p *Diagram) column(steps []Step, middle, top int) int {
	for _, s := range steps {
		p.line(middle, top, middle, top+gapDown)
		top += gapDown
		p.Boxes = append(p.Boxes, Box{X: middle - BoxWidth/2, Y: top, Step: s})
		top += BoxHeight
		if len(s.Branches) > 0 {
			top = p.fork(s.Branches, middle, top)
		}
	}
	return top
}

// fork positions branches side by side, joins them below, and returns the y coordinate of the join.
func (p *Diagram) fork(branches []Branch, middle, top int) int {
	left := middle - branchesWidth(branches)/2
	var ends [][2]int
	bottom := top
	for _, b := range branches {
		width := columnWidth(b.Steps)
		at := left + width/2
		p.line(middle, top, at, top+gapDown)
		p.Titles = append(p.Titles, Title{at, top + gapDown + 15, b.Title})
		end := p.column(b.Steps, at, top+gapDown+headroom-4)
		ends = append(ends, [2]int{at, end})
		bottom = max(bottom, end)
		left += width + gapAcross
	}
	for _, end := range ends {
		if end[1] < bottom {
			p.line(end[0], end[1], end[0], bottom)
		}
		p.line(end[0], bottom, middle, bottom+gapDown)
	}
	return bottom + gapDown
}

func (p *Diagram) line(fromX, fromY, toX, toY int) {
	p.Lines = append(p.Lines, Line{fromX, fromY, toX, toY})
}
