// What three.js in this folder holds: parts of three.js r180 (MIT, see three.LICENSE). It is made from this file by
//   npm install three@0.180.0 esbuild && npx esbuild three.entry.js --bundle --minify --format=iife --global-name=THREE
//     --legal-comments=none --outfile=three.js
export {
  WebGLRenderer, Scene, PerspectiveCamera, Group, Mesh, Color, Vector3, Quaternion, BufferGeometry, BufferAttribute,
  BoxGeometry, SphereGeometry, CylinderGeometry, CapsuleGeometry, PlaneGeometry, MeshStandardMaterial, HemisphereLight,
  DirectionalLight, DoubleSide, GridHelper,
} from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
export { LineSegments2 } from "three/examples/jsm/lines/LineSegments2.js";
export { LineSegmentsGeometry } from "three/examples/jsm/lines/LineSegmentsGeometry.js";
export { LineMaterial } from "three/examples/jsm/lines/LineMaterial.js";
