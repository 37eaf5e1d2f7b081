export function edit(){}
