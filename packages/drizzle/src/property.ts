/** The property of a table object that stands for a column: as events call it. */
export function propertyOf(column: string): string {
  if (column === 'aggregatetype') return 'aggregateType'
  if (column === 'aggregateid') return 'aggregateId'
  return column.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}
