package view

// iconPaths returns the SVG paths of an icon in a viewBox of 16 by 16; nil for an unknown name.
func iconPaths(name string) []string {
	switch name {
	case "overview":
		return []string{"M2 13V9M6 13V3M10 13V7M14 13V5"}
	case "apis":
		return []string{"M5.500 4 1.500 8l4 4M10.500 4l4 4-4 4"}
	case "clients":
		return []string{"M2.500 3.500h11v9h-11zM2.500 6.500h11M5 9.500h3"}
	case "flows":
		return []string{"M2 3h4v3H2zM10 10h4v3h-4zM4 6v3.5A2 2 0 0 0 6 11.5h4"}
	case "runs":
		return []string{"M2 4h7M5 8h8M4 12h5"}
	case "failures": // a triangle with an exclamation mark
		return []string{"M8 2.500 14 13H2zM8 6.500v3M8 11.200v.1"}
	case "queues":
		return []string{"M2 4.5h12M2 8h12M2 11.5h12"}
	case "connections":
		return []string{"M6.5 9.5l3-3M7 4.5l1.2-1.2a3 3 0 0 1 4.3 4.3L11.2 8.8M9 11.5l-1.2 1.2a3 3 0 0 1-4.3-4.3L4.8 7.2"}
	case "access":
		return []string{"M10 2.5a3.5 3.5 0 1 1-2.6 5.8L2.5 13.2M4.5 11.2l1.8 1.8M10.7 5.3h0"}
	case "refused":
		return []string{"M8 2l5 2v4c0 3-2.2 5.2-5 6-2.800-.8-5-3-5-6V4zM6 6.500l4 4M10 6.500l-4 4"}
	case "user":
		return []string{"M8 8a2.6 2.6 0 1 0 0-5.200 2.600 2.600 0 0 0 0 5.200zM3 13.500c.6-2.600 2.500-3.700 5-3.700s4.400 1.100 5 3.700"}
	case "theme":
		return []string{"M8 2.500a5.500 5.500 0 1 0 0 11z", "M8 2.500a5.500 5.500 0 0 1 0 11"}
	case "help":
		return []string{"M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z", "M6.300 6.300a1.800 1.800 0 1 1 2.500 1.700c-.5.2-.8.5-.8 1.100M8 11.200h0"}
	case "out":
		return []string{"M6 2.500H3.500v11H6M9.500 5l3 3-3 3M12.500 8H6.500"}
	case "menu":
		return []string{"M2 4h12M2 8h12M2 12h12"}
	case "copy":
		return []string{"M5.500 5.500h7v8h-7z", "M10.500 5.500v-3h-7v8h2"}
	case "check":
		return []string{"M3 8.500 6.500 12 13 4.500"}
	case "alert":
		return []string{"M8 2 14.500 13.500h-13zM8 6.500v3.200M8 11.700h0"}
	case "play":
		return []string{"M4.500 3v10l8-5z"}
	case "pause":
		return []string{"M5.500 3.500v9M10.500 3.500v9"}
	case "stop":
		return []string{"M4 4h8v8H4z"}
	case "replay":
		return []string{"M3 8a5 5 0 1 0 1.600-3.700L3 6M3 2.800V6h3.200"}
	case "compare":
		return []string{"M5.500 3v10M10.500 3v10M2 5.500l3.500-2.500M14 10.500 10.500 13"}
	case "plus":
		return []string{"M8 3v10M3 8h10"}
	case "arrow":
		return []string{"M6 3.500 10.500 8 6 12.500"}
	case "search":
		return []string{"M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.700 10.700 14 14"}
	case "close":
		return []string{"M4 4l8 8M12 4l-8 8"}
	case "trash":
		return []string{"M2.500 4.500h11M6 4.500v-2h4v2M4 4.500l.6 9h6.800l.6-9"}
	}
	return nil
}
