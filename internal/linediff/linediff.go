// Package linediff compares texts line by line.
package linediff

// Common holds, for every pair of positions, how many lines the rests of both
// texts have in common, in order. It takes time and memory by the product of
// their lengths.
func Common(a, b []string) [][]int32 {
	common := make([][]int32, len(a)+1)
	common[len(a)] = make([]int32, len(b)+1)
	for i := len(a) - 1; i >= 0; i-- {
		common[i] = make([]int32, len(b)+1)
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	return common
}
