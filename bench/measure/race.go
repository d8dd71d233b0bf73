//go:build race

package measure

const raceBuild = true
