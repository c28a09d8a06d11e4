// @ts-check
/** Must say an age in the words of age.go. @param {number} ms */
export function age(ms) {
  const s = Math.max(0, Math.floor(ms / 1000)), min = Math.floor(s / 60);
  if (s < 60) return `${s} s`;
  if (min < 60) return `${min} min`;
  if (min < 10 * 60) return `${Math.floor(min / 60)} h ${min % 60} min`;
  if (min < 48 * 60) return `${Math.floor(min / 60)} h`;
  return `${Math.floor(min / 60 / 24)} d`;
}
